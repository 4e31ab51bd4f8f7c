"""What may happen to an order and its tickets, apart from money: running out, and being let in."""

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from billing_site.documents import services as documents
from billing_site.payments import refunds
from billing_site.payments.models import PaymentAttempt
from billing_site.tickets import intake, locks
from billing_site.tickets.models import Admission, Order, Ticket
from billing_site.tickets.transitions import move
from middleware_worker.outbox.transactions import retrying

Status = Ticket.Status


class PaymentInFlight(Exception):
    """Whether the order is paid is not known yet: ask again later."""


class CheckInRefused(Exception):
    """Nobody is let in. `code` is the machine's word, `sentence` the guard's, `ticket` the one that was shown.

    Codes: unknown, not_paid, already_used (with `at` and `gate`), refunded, expired, other_event.
    """

    def __init__(
        self, code: str, sentence: str, *, ticket: Ticket | None = None, at: datetime | None = None, gate: str = ""
    ) -> None:
        super().__init__(code)
        self.code, self.sentence, self.ticket, self.at, self.gate = code, sentence, ticket, at, gate


@retrying
def expire_order(
    *, order: Order, by: str, reason: str, refund_paid: bool = False, announce: bool = True
) -> list[Ticket]:
    """The tickets of an order after everything that nobody has paid ran out; paid ones stay.

    With `refund_paid` (the event was cancelled) what is paid and not used is refunded as well. Raises
    PaymentInFlight while a payment is started or unknown.
    """
    return _expire_locked(locks.order(order.pk), by=by, reason=reason, refund_paid=refund_paid, announce=announce)


@retrying
def expire_or_bury(arrival: intake.Arrival, *, by: str, reason: str, refund_paid: bool = False) -> Sequence[Ticket]:
    """As `expire_order`, at the request of reservations, which reads the answer: nothing is announced.

    Of an order that never arrived a tombstone is kept, so that it cannot be paid when it arrives late.
    """
    order = locks.order_by_code(arrival.code)
    if order is None:
        return intake.insert([arrival], status=Status.EXPIRED)[arrival.code].tickets
    return _expire_locked(order, by=by, reason=reason, refund_paid=refund_paid, announce=False)


def _expire_locked(order: Order, *, by: str, reason: str, refund_paid: bool, announce: bool) -> list[Ticket]:
    tickets = locks.tickets_of(order)
    if PaymentAttempt.objects.filter(open_order=order.pk).exists():
        raise PaymentInFlight(f"order {order.code} has a payment whose outcome is not known")
    pending = [ticket for ticket in tickets if ticket.status == Status.PENDING_PAYMENT]
    move(pending, to=Status.EXPIRED, order=order, by=by, reason=reason, announce=announce)
    if refund_paid:
        paid = [ticket for ticket in tickets if ticket.status == Status.PAID]
        for ticket in paid:
            refunds.refund_locked(ticket=ticket, order=order, reason=reason, by=by, announce=announce, mail=False)
        if paid or pending:
            documents.event_cancelled(order=order, refunded=paid)
    return tickets


def expire_seatless(limit: int = 200) -> int:
    """Ends outside tickets that nobody paid in time; how many orders."""
    ended = 0
    for order_id in locks.overdue_seatless(now=timezone.now(), limit=limit):
        try:
            expire_order(order=Order(pk=order_id), by="job", reason="hold_ran_out")
        except PaymentInFlight:
            continue
        ended += 1
    return ended


@retrying
def check_in(*, ticket: str, event: int | str | None = None, gate: str, by: str, at: datetime | None = None) -> Ticket:
    """Lets the holder of a ticket in, once: PAID becomes USED. Raises CheckInRefused.

    `ticket` is its external id. `event` is what the gate admits, by number or by name; None admits any.
    `at` is when, if billing hears of it only afterwards.
    """
    found = locks.ticket_with_order(ticket)
    if found is None:
        raise CheckInRefused("unknown", _("Boleto desconocido"))
    order, row = found
    if event is not None and not is_for_event(row, event):
        raise CheckInRefused("other_event", _("El boleto es de otro evento: %s") % row.event, ticket=row)
    _refuse_unless_paid(row)
    now = at or timezone.now()
    try:
        # The last word is the database's: a second admission of a ticket cannot be written.
        with transaction.atomic():
            Admission.objects.create(ticket=row, at=now, gate=gate[:60], by=by[:120])
    except IntegrityError:
        raise _already_used(row) from None
    move([row], to=Status.USED, order=order, by=by, reason=gate, at=now)
    return row


def is_for_event(ticket: Ticket, event: int | str) -> bool:
    """Whether the ticket is for the event, which a gate names by number or by name."""
    if isinstance(event, int):
        return ticket.event_id == event
    text = event.strip()
    return text == ticket.event or (text.isascii() and text.isdigit() and ticket.event_id == int(text))


def _refuse_unless_paid(ticket: Ticket) -> None:
    if ticket.status == Status.USED:
        raise _already_used(ticket)
    refusals = {
        Status.PENDING_PAYMENT: ("not_paid", _("El boleto no está pagado")),
        Status.REFUNDED: ("refunded", _("El boleto fue reembolsado")),
        Status.EXPIRED: ("expired", _("El boleto venció sin pago")),
    }
    if ticket.status in refusals:
        code, sentence = refusals[Status(ticket.status)]
        raise CheckInRefused(code, sentence, ticket=ticket)


def _already_used(ticket: Ticket) -> CheckInRefused:
    admission = Admission.objects.filter(ticket=ticket).first()
    at, gate = (admission.at, admission.gate) if admission else (ticket.used_at, "")
    sentence = _("El boleto ya se usó a las %(time)s, puerta %(gate)s") % {
        "time": timezone.localtime(at).strftime("%H:%M:%S") if at else "—",
        "gate": gate or "—",
    }
    return CheckInRefused("already_used", sentence, ticket=ticket, at=at, gate=gate)
