"""One order after the other: billing adopts what reservations was told and what the gateway did."""

import uuid
from collections.abc import Sequence

from billing_site.documents import services as documents
from billing_site.healing import money
from billing_site.healing.judgement import Money, healed
from billing_site.healing.money import Ledger
from billing_site.payments import gateway, refunds
from billing_site.payments.gateway.base import LedgerCharge
from billing_site.payments.models import PaymentAttempt
from billing_site.tickets import intake, locks
from billing_site.tickets.intake import Arrival
from billing_site.tickets.models import Admission, Order, Ticket
from billing_site.tickets.transitions import move, state
from middleware_worker.contract.healing import LineState, ReservedOrder
from middleware_worker.contract.messages import TicketCreate
from middleware_worker.outbox.services import enqueue
from middleware_worker.outbox.transactions import retrying

Status = Ticket.Status
BY = "heal"


@retrying
def heal_order(told: ReservedOrder | None, *, code: str, charges: Sequence[LedgerCharge]) -> list[str]:
    """Brings one order to what the others know of it; sentences about what people must look at.

    `told` is None for an order of an outside seller. A second run finds nothing to do.
    """
    lines = {line.ticket: line for line in told.lines} if told else {}
    ledger = Ledger(sorted(charges, key=lambda charge: charge.at))
    order = locks.order_by_code(code)
    if order is None:
        order = _made_again(told, lines, ledger)
        if order is None:
            return [f"{code}: money was taken for an order that nobody knows"] if told is None else []
    tickets = locks.tickets_of(order)
    strangers = [] if told is None else sorted(set(lines) ^ {ticket.external_id for ticket in tickets})
    if strangers:
        return [f"{code}: the two sides do not have the same tickets: {', '.join(strangers)}"]
    attempts = {charge.reference: money.adopt_attempt(charge, order=order) for charge in ledger.charges}
    problems = _judge(order, tickets, lines, ledger)
    _settle_money(order, tickets, ledger, attempts)
    _announce_differences(order, tickets, lines)
    return problems


def _made_again(told: ReservedOrder | None, lines: dict[str, LineState], ledger: Ledger) -> Order | None:
    """The order of which billing lost everything, pending; None when reservations brings it by itself."""
    if told is None:
        return None
    needed = [
        healed(None, line=line.line, money=_says(ledger, told, ticket), told=line.status)
        for ticket, line in lines.items()
    ]
    if not any(needed):
        return None
    message = TicketCreate(id=uuid.uuid4(), **told.order.model_dump())
    # One that is over altogether never was live here: a tombstone, which cannot be in another ticket's way. An order
    # is paid as a whole, so one refund says that all of it was paid and given back.
    over = all(status in (Status.EXPIRED, Status.REFUNDED) for status in needed)
    end = Status.REFUNDED if Status.REFUNDED in needed else Status.EXPIRED
    stored = intake.insert([Arrival(message)], status=end if over else Status.PENDING_PAYMENT)
    return stored[told.order.order].order


def _says(ledger: Ledger, told: ReservedOrder, ticket: str) -> Money:
    """An order that cost nothing is in no ledger: reservations was told that it is paid, and so it is."""
    free = not sum(seat.price for seat in told.order.tickets)
    return Money.CAPTURED if free and told.lines and _line(told, ticket) == "confirmed" else ledger.says(ticket)


def _line(told: ReservedOrder, ticket: str) -> str:
    return next(line.line for line in told.lines if line.ticket == ticket)


def _judge(order: Order, tickets: list[Ticket], lines: dict[str, LineState], ledger: Ledger) -> list[str]:
    free = not sum(ticket.price for ticket in tickets)
    becomes: dict[str, list[Ticket]] = {}
    problems = []
    for ticket in tickets:
        told = lines.get(ticket.external_id)
        line = told.line if told else None
        says = Money.CAPTURED if free and line == "confirmed" else ledger.says(ticket.external_id)
        target = healed(ticket.status, line=line, money=says, told=told.status if told else "")
        if target is not None and target != ticket.status:
            becomes.setdefault(target, []).append(ticket)
        elif line == "confirmed" and ticket.status == Status.PENDING_PAYMENT:
            problems.append(f"{order.code}: {ticket.external_id} was paid, but the gateway knows of no money")
        elif line == "released" and ticket.status == Status.USED:
            problems.append(f"{order.code}: {ticket.external_id} is used, but its seat was freed")
    paid, refunded = becomes.get(Status.PAID, []), becomes.get(Status.REFUNDED, [])
    was_paid = [ticket for ticket in refunded if ticket.status == Status.PENDING_PAYMENT]
    move(becomes.get(Status.EXPIRED, []), to=Status.EXPIRED, order=order, by=BY, announce=False)
    move([*paid, *was_paid], to=Status.PAID, order=order, by=BY, announce=False)
    move(refunded, to=Status.REFUNDED, order=order, by=BY, announce=False)
    if free and paid:
        PaymentAttempt.objects.get_or_create(
            order=order, gateway=gateway.CERTAIN, status=PaymentAttempt.Status.CAPTURED, defaults={"amount": 0}
        )
    if paid:
        documents.order_paid(order=order)
    for ticket in refunded:
        documents.ticket_refunded(ticket=ticket)
    _let_in_again(order, tickets, lines)
    return problems


def _let_in_again(order: Order, tickets: list[Ticket], lines: dict[str, LineState]) -> None:
    """A check-in of which reservations was told happened: nobody enters a second time."""
    used = [t for t in tickets if t.status == Status.PAID and t.external_id in lines]
    used = [t for t in used if lines[t.external_id].status == Status.USED]
    for ticket in used:
        Admission.objects.get_or_create(ticket=ticket, defaults={"by": BY})
    move(used, to=Status.USED, order=order, by=BY, announce=False)


def _settle_money(order: Order, tickets: list[Ticket], ledger: Ledger, attempts: dict[str, PaymentAttempt]) -> None:
    """Afterwards the gateway keeps, or will keep when all refunds are made, what paid tickets cost."""
    for charge in ledger.charges:
        money.adopt_refunds(ledger, charge, attempts[charge.reference], tickets)
        late = charge.reference in ledger.settled or charge is not ledger.paying
        if late and charge.kept > 0:
            refunds.refund_late_capture(attempt=attempts[charge.reference], order=order, reason=BY)
    # What the lost billing still had to give back, of a charge that did pay.
    paying = attempts[ledger.paying.reference] if ledger.paying and ledger.paying.kept > 0 else None
    for ticket in tickets:
        if ticket.status in (Status.EXPIRED, Status.REFUNDED) and paying is not None:
            money.give_back(paying, ticket)


def _announce_differences(order: Order, tickets: list[Ticket], lines: dict[str, LineState]) -> None:
    """Tells reservations what it has not heard, in one message; a pending ticket is nothing to hear of.

    The lost billing's own messages no longer count there (the fence), received or not.
    """
    pending = Status.PENDING_PAYMENT
    unheard = [t for t in tickets if t.status != pending and t.external_id in lines]
    unheard = [t for t in unheard if lines[t.external_id].status != t.status]
    announce(order, unheard)


def announce(order: Order, tickets: Sequence[Ticket]) -> None:
    """A `ticket.status` with the present state of these tickets; nothing for none."""
    if tickets and order.source == Order.Source.RESERVATIONS:
        states = [state(ticket).model_dump(mode="json") for ticket in tickets]
        enqueue(type="ticket.status", aggregate=order.code, payload={"order": order.code, "tickets": states})
