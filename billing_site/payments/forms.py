"""Paying at the gateway's own page: the buyer goes there with a token and comes back in one of four ways.

Only a commit captures money, and it is sent for an open attempt alone that is marked as returned. So an attempt whose
buyer has not come back can be closed with certainty, and one that was closed is never paid.
"""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.crypto import constant_time_compare

from billing_site.payments import gateway, locks, services
from billing_site.payments.gateway.base import Card, Form, FormGateway, GatewayUnreachable, Outcome, Result
from billing_site.payments.models import PaymentAttempt
from billing_site.payments.services import NothingStarted, PaymentOpen
from billing_site.tickets import audit
from billing_site.tickets import locks as ticket_locks
from billing_site.tickets.models import Order
from middleware_worker.outbox.transactions import retrying

Status = PaymentAttempt.Status

# Why a buyer came back without having paid.
ABORTED = "form_aborted"
TIMED_OUT = "form_timed_out"
FAILED = "form_failed"
NO_CARD = Card("")


@dataclass(frozen=True)
class Return:
    """What the buyer's browser brings back from the page; every part may be missing."""

    token: str = ""
    aborted: str = ""
    reference: str = ""
    session: str = ""

    @property
    def why_unpaid(self) -> str:
        """Nothing when the buyer agreed to pay."""
        if self.token:
            return FAILED if self.aborted else ""
        return ABORTED if self.aborted else TIMED_OUT


def open_form(*, order: Order, through: FormGateway, by: str) -> PaymentAttempt:
    """An attempt whose buyer can go to the page now; or one that is settled, when the order costs nothing.

    While one is at the page, asking again leads to the same page: two tabs cannot pay twice.
    Raises NotPending, PaymentOpen, NothingStarted.
    """
    try:
        attempt, _ = services.begin(order=order, card=NO_CARD, idempotency_key=None, through=through, by=by)
    except PaymentOpen:
        earlier = next((row for row in order.attempts.filter(status=Status.STARTED) if row.is_at_form), None)
        if earlier is None:
            raise
        return earlier
    if attempt.status != Status.STARTED:
        return attempt
    try:
        form = through.open_form(reference=attempt.reference, amount=int(attempt.amount))
    except GatewayUnreachable:
        services.settle(attempt=attempt, result=Result(Outcome.DECLINED, services.UNREACHABLE), by=by)
        raise NothingStarted from None
    return _keep(attempt, form)


@retrying
def _keep(attempt: PaymentAttempt, form: Form) -> PaymentAttempt:
    """The attempt with its token on record, before the buyer has it. Raises NothingStarted when it was given up."""
    ticket_locks.order(attempt.order_id)
    row = locks.attempt(attempt.pk)
    if row.status != Status.STARTED:
        raise NothingStarted
    row.token, row.form_url = form.token, form.url
    row.save(update_fields=["token", "form_url"])
    return row


def came_back(*, back: Return, by: str) -> PaymentAttempt | None:
    """The attempt as it stands after the buyer's return; None when the return names none of ours.

    The same return again, or one of an attempt that was closed meanwhile, commits nothing.
    """
    attempt = _named(back)
    if attempt is None:
        return None
    if back.why_unpaid:
        return services.close_form(attempt=attempt, reason=back.why_unpaid, by=by)
    marked = _mark_returned(attempt, by=by)
    if marked is None:
        return PaymentAttempt.objects.get(pk=attempt.pk)
    through = gateway.named(attempt.gateway)
    if not isinstance(through, FormGateway):
        return marked
    return services.settle(attempt=marked, result=through.commit(reference=attempt.reference), by=by)


def _named(back: Return) -> PaymentAttempt | None:
    token = back.token or back.aborted
    if token:
        found = PaymentAttempt.objects.filter(token=token).select_related("order").first()
    else:
        found = PaymentAttempt.objects.filter(reference=back.reference).exclude(token="").first()
    if found is None or back.reference not in {"", found.reference}:
        return None
    through = gateway.named(found.gateway)
    if not isinstance(through, FormGateway):
        return None
    # Without a token the session is the only proof that this browser was at the page.
    if (back.session or not token) and not constant_time_compare(back.session, through.session(found.reference)):
        return None
    return found


@retrying
def _mark_returned(attempt: PaymentAttempt, *, by: str) -> PaymentAttempt | None:
    """The attempt, unknown from now on, so that whoever finds it asks; None when it was closed or came back before."""
    order = ticket_locks.order(attempt.order_id)
    row = locks.attempt(attempt.pk)
    if not row.is_at_form:
        return None
    row.status, row.returned_at = Status.UNKNOWN, timezone.now()
    row.asked_at = row.returned_at
    row.save(update_fields=["status", "returned_at", "asked_at"])
    audit.record("payment.returned", by=by, order=order, detail={"reference": row.reference})
    return row
