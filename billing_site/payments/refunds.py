"""Money going back. The ticket is REFUNDED first, in one transaction; the money moves later, outside of any lock."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from billing_site.documents import services as documents
from billing_site.payments import gateway, locks
from billing_site.payments.gateway.base import Outcome, Result
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.tickets import audit
from billing_site.tickets import locks as ticket_locks
from billing_site.tickets.models import Order, Ticket
from billing_site.tickets.transitions import move
from middleware_worker.outbox.transactions import retrying

Status = Ticket.Status

# A claim that is older was left by a process that died; the refund's reference makes it safe to ask again.
LEASE = timedelta(seconds=60)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)


class NotRefundable(Exception):
    """The ticket cannot be refunded; the sentence says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@retrying
def refund_ticket(*, ticket: Ticket, reason: str, by: str) -> Ticket:
    """The ticket, REFUNDED: its seat comes free and its money is on the way back. Raises NotRefundable.

    Only a ticket that is paid and not used, and only once.
    """
    found = ticket_locks.ticket_with_order(ticket.external_id)
    if found is None:
        raise NotRefundable(_("Boleto desconocido"))
    order, row = found
    sentences = {
        Status.PENDING_PAYMENT: _("El boleto no está pagado"),
        Status.USED: _("El boleto ya se usó"),
        Status.REFUNDED: _("El boleto ya fue reembolsado"),
        Status.EXPIRED: _("El boleto venció sin pago"),
    }
    if row.status in sentences:
        raise NotRefundable(sentences[Status(row.status)])
    refund_locked(ticket=row, order=order, reason=reason, by=by)
    return row


def refund_locked(
    *, ticket: Ticket, order: Order, reason: str, by: str, announce: bool = True, mail: bool = True
) -> None:
    """As `refund_ticket`, for a paid ticket whose order the caller has locked, and whose buyer is told (`mail`)."""
    move([ticket], to=Status.REFUNDED, order=order, by=by, reason=reason, announce=announce)
    if ticket.price:
        Refund.objects.create(
            attempt=paying_attempt(order), ticket=ticket, amount=ticket.price, reason=reason[:300], by=by[:120]
        )
    if mail:
        documents.ticket_refunded(ticket=ticket)


def paying_attempt(order: Order) -> PaymentAttempt:
    """The capture that paid the order: not one that came too late, which goes back whole."""
    gone_back = Refund.objects.filter(attempt=OuterRef("pk"), ticket=None)
    return order.attempts.filter(~Exists(gone_back), status=PaymentAttempt.Status.CAPTURED).get()


def refund_late_capture(*, attempt: PaymentAttempt, order: Order, reason: str) -> None:
    """Gives a whole capture back that paid for nothing; its order is locked."""
    if attempt.amount and not Refund.objects.filter(attempt=attempt, ticket=None).exists():
        Refund.objects.create(attempt=attempt, ticket=None, amount=attempt.amount, reason=reason, by="system")
        audit.record(
            "payment.captured_too_late",
            by="system",
            order=order,
            reason=reason,
            detail={"reference": attempt.reference, "amount": int(attempt.amount)},
        )


def run_refunds(limit: int = 20) -> int:
    """Moves the money of refunds that are due; how many were asked for just now."""
    claimed = _claim(limit)
    for refund in claimed:
        pays_back = gateway.named(refund.attempt.gateway)
        result = pays_back.refund(
            reference=refund.reference,
            charge=refund.attempt.reference,
            amount=int(refund.amount),
            about=refund.ticket.external_id if refund.ticket else "",
        )
        _note(refund.pk, result)
    return len(claimed)


@retrying
def try_again(*, refund: Refund, by: str) -> bool:
    """Asks once more for a refund that the gateway refused; False when it did not refuse it."""
    row = locks.refund(refund.pk)
    if row.status != Refund.Status.FAILED:
        return False
    row.status, row.next_try_at, row.tries = Refund.Status.DUE, timezone.now(), 0
    row.save(update_fields=["status", "next_try_at", "tries"])
    audit.record("refund.try_again", by=by, order=row.attempt.order, ticket=row.ticket)
    return True


@retrying
def _claim(limit: int) -> Sequence[Refund]:
    now = timezone.now()
    rows = locks.due_refunds(now=now, limit=limit)
    for row in rows:
        row.status, row.next_try_at = Refund.Status.STARTED, now + LEASE
        row.tries += 1
        row.save(update_fields=["status", "tries", "next_try_at"])
    return list(
        Refund.objects.filter(pk__in=[row.pk for row in rows]).select_related("attempt", "ticket").order_by("pk")
    )


@retrying
def _note(id: int, result: Result) -> None:
    row = locks.refund(id)
    if row.status in {Refund.Status.DONE, Refund.Status.FAILED}:
        return
    now = timezone.now()
    row.error = result.reason[:200]
    if result.outcome == Outcome.CAPTURED:
        row.status, row.done_at = Refund.Status.DONE, now
    elif result.outcome == Outcome.DECLINED:
        row.status = Refund.Status.FAILED
    else:
        row.status = Refund.Status.UNKNOWN
        row.next_try_at = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row.tries - 1, 10))
    row.save(update_fields=["status", "error", "done_at", "next_try_at"])
    if row.status != Refund.Status.UNKNOWN:
        audit.record(
            f"refund.{row.status}",
            by="gateway",
            order=row.attempt.order,
            ticket=row.ticket,
            reason=row.error,
            detail={"reference": row.reference, "amount": int(row.amount)},
        )
