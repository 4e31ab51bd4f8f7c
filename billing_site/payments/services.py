"""Paying an order: billing decides under the order's lock, the gateway is asked outside of any."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from billing_site.documents import services as documents
from billing_site.payments import gateway, locks, refunds
from billing_site.payments.gateway.base import (
    Card,
    FormGateway,
    Gateway,
    GatewayUnreachable,
    Outcome,
    Result,
)
from billing_site.payments.models import PaymentAttempt
from billing_site.tickets import audit
from billing_site.tickets import locks as ticket_locks
from billing_site.tickets.models import Order, Ticket
from billing_site.tickets.transitions import move
from middleware_worker.outbox.transactions import retrying

Status = PaymentAttempt.Status

# Why an attempt is declined without the gateway's word; a capture that shows up later goes back.
NOT_FOUND = "not_found"
UNREACHABLE = "gateway_unreachable"
# Why a payment at the gateway's own page ended without money: nothing was ever committed, so nothing can show up.
ABANDONED = "abandoned"
# So long such attempts are watched for a late capture, and so often.
WATCHED_FOR = timedelta(hours=24)
WATCHED_EVERY = timedelta(minutes=2)
# An open attempt is asked about this often; one whose caller may still be waiting, not before the time-out.
ASK_EVERY = timedelta(seconds=3)


class NotPending(Exception):
    """The order is not (or no longer) waiting for payment."""


class PaymentOpen(Exception):
    """Another payment of the order is under way; its outcome is not known yet."""


class NothingStarted(Exception):
    """The gateway could not be reached: no money has moved, and the buyer may try again at once."""


def pay(*, order: Order, card: Card, idempotency_key: str | None, by: str) -> PaymentAttempt:
    """The attempt, settled as far as the gateway's answer goes: captured, declined or unknown.

    The same key gives the same attempt, whatever became of it, and charges nothing. A hold that has run
    out can still be paid as long as its tickets are pending: whoever locks the order first decides.
    Raises NotPending, PaymentOpen, NothingStarted.
    """
    through = gateway.configured()
    attempt, is_new = begin(order=order, card=card, idempotency_key=idempotency_key, through=through, by=by)
    if not is_new or attempt.status != Status.STARTED:
        return attempt
    return charge(attempt=attempt, card=card, through=through, by=by)


def charge(*, attempt: PaymentAttempt, card: Card, through: Gateway, by: str) -> PaymentAttempt:
    """Asks the gateway for the money of an attempt that was just begun, and settles it by the answer."""
    try:
        result = through.charge(
            reference=attempt.reference, amount=int(attempt.amount), card=card, about=attempt.order.code
        )
    except GatewayUnreachable:
        settle(attempt=attempt, result=Result(Outcome.DECLINED, UNREACHABLE), by=by)
        raise NothingStarted from None
    return settle(attempt=attempt, result=result, by=by)


@retrying
def begin(
    *, order: Order, card: Card, idempotency_key: str | None, through: Gateway, by: str
) -> tuple[PaymentAttempt, bool]:
    """An attempt that is on record (and on the replica) before any money moves; and whether it is a new one."""
    locked = ticket_locks.order(order.pk)
    if idempotency_key:
        earlier = locked.attempts.filter(idempotency_key=idempotency_key).first()
        if earlier is not None:
            return earlier, False
    if locked.attempts.filter(status__in=PaymentAttempt.OPEN).exists():
        raise PaymentOpen
    tickets = ticket_locks.tickets_of(locked)
    if any(ticket.status != Ticket.Status.PENDING_PAYMENT for ticket in tickets):
        raise NotPending
    amount = sum(ticket.price for ticket in tickets)
    attempt = PaymentAttempt.objects.create(
        order=locked,
        idempotency_key=idempotency_key or None,
        gateway=through.name if amount else gateway.CERTAIN,
        amount=amount,
        card_last4=card.last4 if amount else "",
    )
    audit.record("payment.started", by=by, order=locked, detail=_about(attempt))
    if not amount:
        _captured(attempt, locked, tickets, by=by)
    return attempt, True


@retrying
def settle(*, attempt: PaymentAttempt, result: Result, by: str) -> PaymentAttempt:
    """The attempt after what the gateway said of it; repeated or late words change nothing twice."""
    order = ticket_locks.order(attempt.order_id)
    tickets = ticket_locks.tickets_of(order)
    row = locks.attempt(attempt.pk)
    if row.status == Status.CAPTURED:
        return row
    if result.outcome == Outcome.CAPTURED:
        if row.status == Status.DECLINED and row.error not in {NOT_FOUND, UNREACHABLE}:
            # The gateway said no and now yes: people must look, and nobody loses money meanwhile.
            audit.record("payment.contradiction", by="gateway", order=order, detail=_about(row))
        row.card_last4 = result.last4 or row.card_last4
        _captured(row, order, tickets, by=by)
    elif row.status in PaymentAttempt.OPEN:
        _not_captured(row, order, result, by=by)
    return row


def _captured(attempt: PaymentAttempt, order: Order, tickets: list[Ticket], *, by: str) -> None:
    now = timezone.now()
    in_time = attempt.status in PaymentAttempt.OPEN
    attempt.status, attempt.error, attempt.settled_at = Status.CAPTURED, "", now
    attempt.save(update_fields=["status", "error", "settled_at", "card_last4"])
    audit.record("payment.captured", by=by, order=order, detail=_about(attempt))
    if in_time and all(ticket.status == Ticket.Status.PENDING_PAYMENT for ticket in tickets):
        move(tickets, to=Ticket.Status.PAID, order=order, by=by, at=now)
        documents.order_paid(order=order)
    else:
        refunds.refund_late_capture(attempt=attempt, order=order, reason=_("El pago llegó tarde"))


def _not_captured(attempt: PaymentAttempt, order: Order, result: Result, *, by: str) -> None:
    now = timezone.now()
    attempt.asked_at = now
    final = result.outcome == Outcome.DECLINED or (
        result.outcome == Outcome.NOT_FOUND and _begun(attempt) < now - _time_to_capture()
    )
    if final:
        attempt.status, attempt.settled_at = Status.DECLINED, now
        attempt.error = NOT_FOUND if result.outcome == Outcome.NOT_FOUND else result.reason[:200]
        if attempt.error == UNREACHABLE:
            # Nothing was started: the buyer may try again with the same key.
            attempt.idempotency_key = None
        audit.record("payment.declined", by=by, order=order, reason=attempt.error, detail=_about(attempt))
    else:
        attempt.status, attempt.error = Status.UNKNOWN, result.reason[:200]
    attempt.save(update_fields=["status", "error", "idempotency_key", "asked_at", "settled_at"])


@retrying
def close_form(*, attempt: PaymentAttempt, reason: str, by: str) -> PaymentAttempt:
    """The attempt, ended without money when its buyer is still at the gateway's page: nothing was committed."""
    order = ticket_locks.order(attempt.order_id)
    row = locks.attempt(attempt.pk)
    if row.is_at_form:
        _not_captured(row, order, Result(Outcome.DECLINED, reason), by=by)
    return row


def settle_attempts(limit: int = 50) -> int:
    """Asks the gateway what became of attempts that are still open; how many were asked about.

    Also watches those that were given up without the gateway's word, for a capture that comes late.
    """
    now = timezone.now()
    patience = _patience()
    open_ones = PaymentAttempt.objects.filter(
        Q(asked_at=None) | Q(asked_at__lt=now - ASK_EVERY),
        Q(status=Status.UNKNOWN)
        | Q(status=Status.STARTED, created_at__lt=now - patience, token="")
        | Q(status=Status.STARTED, created_at__lt=now - _time_at_form()),
    )
    watched = PaymentAttempt.objects.filter(
        Q(asked_at=None) | Q(asked_at__lt=now - WATCHED_EVERY),
        status=Status.DECLINED,
        error__in=[NOT_FOUND, UNREACHABLE],
        created_at__gt=now - WATCHED_FOR,
    )
    oldest_first = F("asked_at").asc(nulls_first=True)
    asked = [*open_ones.order_by(oldest_first)[:limit], *watched.order_by(oldest_first)[:limit]]
    _one_by_one(asked, _ask)
    return len(asked)


def _ask(attempt: PaymentAttempt) -> None:
    # Whoever asks says so first: another process then asks about the others.
    PaymentAttempt.objects.filter(pk=attempt.pk).update(asked_at=timezone.now())
    if attempt.is_at_form:
        close_form(attempt=attempt, reason=ABANDONED, by="system")
        return
    through = gateway.named(attempt.gateway)
    result = through.lookup(reference=attempt.reference)
    if result.outcome == Outcome.NOT_FOUND and isinstance(through, FormGateway) and _may_commit_again(attempt):
        result = through.commit(reference=attempt.reference)
    settle(attempt=attempt, result=result, by="gateway")


def _may_commit_again(attempt: PaymentAttempt) -> bool:
    """Whether a buyer agreed to pay and the process that was to commit it has died; early enough for its answer."""
    now, since = timezone.now(), attempt.returned_at
    is_open = PaymentAttempt.objects.filter(pk=attempt.pk, status=Status.UNKNOWN).exists()
    return is_open and since is not None and now - _time_to_capture() / 2 < since < now - _patience()


def _one_by_one(attempts: list[PaymentAttempt], ask: Callable[[PaymentAttempt], None]) -> None:
    """All of them, though one may fail; then the first failure, so that it is seen."""
    failures: list[Exception] = []
    for attempt in attempts:
        try:
            ask(attempt)
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _time_to_capture() -> timedelta:
    return timedelta(seconds=settings.ATTEMPT_TTL_SECONDS)


def _time_at_form() -> timedelta:
    return timedelta(seconds=settings.WEBPAY_FORM_SECONDS)


def _patience() -> timedelta:
    """So long a caller may still be waiting for the gateway."""
    return timedelta(seconds=settings.GATEWAY_TIMEOUT_SECONDS) + ASK_EVERY


def _begun(attempt: PaymentAttempt) -> datetime:
    """When its charge was asked for: at a form, not before the buyer came back."""
    return attempt.returned_at or attempt.created_at


def _about(attempt: PaymentAttempt) -> dict[str, object]:
    return {"reference": attempt.reference, "amount": int(attempt.amount), "gateway": attempt.gateway}
