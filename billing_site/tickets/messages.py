"""What billing answers to messages: it counts the versions and alone decides whether a ticket ran out."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.db import DataError, IntegrityError
from pydantic import ValidationError

from billing_site.event_refunds import selectors as event_refunds
from billing_site.tickets import intake, services
from billing_site.tickets.intake import Arrival, Stored, UnusableContent
from billing_site.tickets.models import Ticket
from billing_site.tickets.transitions import state
from middleware_worker.contract.messages import Answer, TicketExpire, TicketState, to_billing

CONFLICT = "another order or ticket with this id is here already; the first one stands"


def receive(items: Sequence[dict[str, Any]]) -> list[Answer]:
    """An answer for each message, in the same order.

    New orders go in as one batch; each expiry is a transaction of its own. Where a message and the
    expiry of the same order are in one call, the order is created first: the end is the same either way.
    """
    answers: dict[int, Answer] = {}
    arrivals: dict[int, Arrival] = {}
    expiries: dict[int, TicketExpire] = {}
    for position, item in enumerate(items):
        try:
            message = to_billing.validate_python(item)
        except ValidationError as error:
            answers[position] = _rejected(item, "invalid", _reason(error))
            continue
        if isinstance(message, TicketExpire):
            expiries[position] = message
        else:
            arrivals[position] = Arrival(message)
    answers |= _stored(arrivals, items)
    for position, expiry in expiries.items():
        answers[position] = _judged(items[position], partial(_expire, expiry))
    return [answers[position] for position in range(len(items))]


def apply(states: Sequence[TicketState]) -> None:
    """Nothing: what reservations answers holds no state that billing did not count itself."""


def _stored(arrivals: dict[int, Arrival], items: Sequence[dict[str, Any]]) -> dict[int, Answer]:
    if not arrivals:
        return {}
    # Twice: when a carrier of the same batch was quicker, the second run finds what that one wrote.
    for _try in range(2):
        try:
            found = intake.store(list(arrivals.values()))
        except (IntegrityError, DataError, UnusableContent):
            continue
        return {
            position: _compared(arrival, found[arrival.code], items[position]) for position, arrival in arrivals.items()
        }
    # One of them cannot be stored. Singly, so that it does not take the others with it.
    return {
        position: _judged(items[position], partial(_single, arrival, items[position]))
        for position, arrival in arrivals.items()
    }


def _single(arrival: Arrival, item: dict[str, Any]) -> Answer:
    found = intake.store([arrival])
    return _compared(arrival, found[arrival.code], item)


def _compared(arrival: Arrival, stored: Stored, item: dict[str, Any]) -> Answer:
    if not arrival.is_the_same_as(stored.order, stored.tickets):
        return _rejected(item, "conflict", CONFLICT)
    return _done(item, stored.tickets)


def _expire(message: TicketExpire) -> Answer:
    item = {"id": str(message.id)}
    # What nobody has paid runs out all the same.
    held_back = message.refund_paid and event_refunds.holds_back(message.event_id, message.order)
    try:
        tickets = services.expire_or_bury(Arrival(message), reason=message.reason, by=message.by or "reservations",
                                          refund_paid=message.refund_paid and not held_back)  # fmt: skip
    except services.PaymentInFlight as error:
        return Answer(id=item["id"], result="wait", code="payment_open", error=str(error))
    if held_back and any(ticket.status == Ticket.Status.PAID for ticket in tickets):
        why = "the event's refund is paused, or has not come to this order"
        return Answer(id=item["id"], result="wait", code="refund_paused", error=why)
    return _done(item, tickets)


def _judged(item: dict[str, Any], judge: Callable[[], Answer]) -> Answer:
    """The answer to one message; what its content makes impossible is a rejection, never an error of ours."""
    for _try in range(3):
        try:
            return judge()
        except IntegrityError as error:
            refusal = _collision(item)
            if refusal is not None:
                return refusal
            # The row that was in the way is ours by now, or gone: look again.
            last: Exception = error
        except (DataError, UnusableContent, OverflowError) as error:
            return _rejected(item, "invalid", str(error))
    raise last


def _collision(item: dict[str, Any]) -> Answer | None:
    """Why the database refused: the id is another order's, or the seat has a live ticket."""
    arrival = Arrival(to_billing.validate_python(item))
    taken = Ticket.objects.filter(external_id__in=arrival.ticket_ids).exclude(order__code=arrival.code)
    if taken.exists():
        return _rejected(item, "conflict", CONFLICT)
    living = Ticket.objects.filter(live_seat__in=arrival.seat_ids).exclude(order__code=arrival.code).first()
    if living is not None:
        return _rejected(item, "seat_conflict", f"seat {living.seat_id} has the live ticket {living.external_id}")
    return None


def _done(item: dict[str, Any], tickets: Sequence[Ticket]) -> Answer:
    return Answer(id=str(item["id"]), result="done", tickets=[state(ticket) for ticket in tickets])


def _rejected(item: dict[str, Any], code: str, error: str) -> Answer:
    return Answer(id=str(item.get("id", ""))[:200], result="rejected", code=code, error=error[:500])


def _reason(error: ValidationError) -> str:
    """The first fault of a message, with the field it is in and without its content."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
