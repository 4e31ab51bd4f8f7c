"""What the portal relies on in the two APIs, as checks that run on the fakes and on the real sites alike.

`portal_site/clients/tests/test_fakes.py` runs them on the fakes; whoever has both sites running calls
`check_all(reservations, billing, until=…)` with clients of this package.
"""

import uuid
from collections.abc import Callable

import pytest

from portal_site.clients.billing import BillingSite, Order
from portal_site.clients.calls import Refused, SignedOut, Visitor
from portal_site.clients.reservations import Event, Reservation, ReservationsSite, SeatPlan

Until = Callable[[Callable[[], bool]], None]
VISITOR = Visitor(address="127.0.0.1")
CARD = {"card_number": "4111111111111111", "card_expiry": "12/30", "card_cvv": "123"}
DECLINED = CARD | {"card_number": "4000000000000002"}


def check_all(reservations: ReservationsSite, billing: BillingSite, *, until: Until, rut: int = 7654321) -> None:
    """`until` waits for a condition that the carrying between the sites brings about."""
    event = check_catalogue(reservations)
    plan = check_seats(reservations, event)
    buyer = {"rut": rut, "name": "Prueba", "email": "prueba@example.cl"}
    held = check_reserving(reservations, plan, buyer)
    check_best_seats(reservations, event, buyer)
    until(lambda: billing.order(held.code, VISITOR) is not None)
    paid = check_paying(billing, held)
    check_giving_back(billing, paid, until=until)
    check_cancelling(reservations, plan, buyer, until=until)
    check_refusals_of_strangers(billing, paid)


def check_catalogue(reservations: ReservationsSite) -> Event:
    events = [event for event in reservations.events(VISITOR) if event.available_seats >= 6]
    assert events
    event = reservations.event(events[0].id, VISITOR)
    assert event is not None
    assert event.sections
    assert event.price_from == min(section.price for section in event.sections)
    assert reservations.event(99_999_999, VISITOR) is None
    assert reservations.room(event.id, VISITOR) is None
    assert reservations.place(event.id, browser="0" * 32, join=True, visitor=VISITOR) is None
    return event


def check_seats(reservations: ReservationsSite, event: Event) -> SeatPlan:
    plan = reservations.seats(event.id, VISITOR)
    assert plan is not None
    assert plan.etag
    assert len(plan.seats) == event.total_seats
    assert {seat.section for seat in plan.seats} == {section.id for section in plan.sections}
    assert {seat.status for seat in plan.seats} <= {"available", "reserved", "sold"}
    assert reservations.seats(event.id, VISITOR) is plan, "the same ETag brings the plan back without a body"
    assert reservations.seats(99_999_999, VISITOR) is None
    states = reservations.seat_states(event.id, VISITOR)
    assert states is not None
    assert states.etag
    assert states.states == "".join(seat.status[0] for seat in sorted(plan.seats, key=lambda seat: seat.id))
    assert reservations.seat_states(event.id, VISITOR) is states
    assert reservations.seat_states(99_999_999, VISITOR) is None
    return plan


def _free(plan: SeatPlan, number: int) -> list[int]:
    return [seat.id for seat in plan.seats if seat.status == "available"][-number:]


def check_reserving(reservations: ReservationsSite, plan: SeatPlan, buyer: dict[str, object]) -> Reservation:
    wanted, key = _free(plan, 2), uuid.uuid4().hex
    held = reservations.reserve_seats(seat_ids=wanted, buyer=buyer, key=key, visitor=VISITOR)
    again = reservations.reserve_seats(seat_ids=wanted, buyer=buyer, key=key, visitor=VISITOR)
    assert held.status == "held"
    assert held.code == again.code
    assert sorted(seat.seat_id for seat in held.seats) == sorted(wanted)
    assert held.total == sum(seat.price for seat in held.seats)
    with pytest.raises(Refused) as refused:
        reservations.reserve_seats(seat_ids=wanted, buyer=buyer, key=uuid.uuid4().hex, visitor=VISITOR)
    assert refused.value.code == "seats_taken"
    assert {taken["seat_id"] for taken in refused.value.fields["taken"]} == set(wanted)
    assert all(taken["seat_number"] for taken in refused.value.fields["taken"])
    found = reservations.reservation(held.code, VISITOR)
    assert found is not None
    assert found.event.name
    assert reservations.reservation("TF-0000-0000-0000", VISITOR) is None
    return held


def check_best_seats(reservations: ReservationsSite, event: Event, buyer: dict[str, object]) -> None:
    section = max(event.sections, key=lambda one: one.available)
    best = reservations.reserve_best(
        event_id=event.id, quantity=2, section=section.id, buyer=buyer, key=uuid.uuid4().hex, visitor=VISITOR
    )
    assert {seat.section for seat in best.seats} == {section.name}
    reservations.cancel(best.code, VISITOR)


def check_paying(billing: BillingSite, held: Reservation) -> Order:
    before = billing.order(held.code, VISITOR)
    assert before is not None
    assert (before.status, before.total) == ("pending", held.total)
    assert {ticket.external_id for ticket in before.tickets} == {seat.ticket_id for seat in held.seats}
    assert all(ticket.qr is None for ticket in before.tickets)
    with pytest.raises(Refused) as refused:
        billing.pay(code=held.code, card=DECLINED, key=uuid.uuid4().hex, visitor=VISITOR)
    assert (refused.value.status, refused.value.code) == (402, "declined")
    declined = billing.order(held.code, VISITOR)
    assert declined is not None
    assert declined.payment is not None
    assert declined.payment.status == "declined"
    paid = billing.pay(code=held.code, card=CARD, key=uuid.uuid4().hex, visitor=VISITOR)
    assert paid is not None
    assert paid.status == "paid"
    assert all(ticket.status == "PAID" and ticket.qr for ticket in paid.tickets)
    with pytest.raises(Refused) as refused:
        billing.pay(code=held.code, card=CARD, key=uuid.uuid4().hex, visitor=VISITOR)
    assert (refused.value.status, refused.value.code) == (409, "not_pending")
    return paid


def check_giving_back(billing: BillingSite, paid: Order, *, until: Until) -> None:
    kept, given = paid.tickets
    until(lambda: billing.document(external_id=kept.external_id, code=paid.code, visitor=VISITOR) is not None)
    back = billing.refund(
        external_id=given.external_id, code=paid.code, reason="", key=uuid.uuid4().hex, visitor=VISITOR
    )
    assert back.status == "REFUNDED"
    with pytest.raises(Refused) as refused:
        billing.refund(external_id=given.external_id, code=paid.code, reason="", key="again", visitor=VISITOR)
    assert (refused.value.status, refused.value.code) == (409, "not_refundable")
    after = billing.order(paid.code, VISITOR)
    assert after is not None
    assert after.status == "mixed"


def check_cancelling(reservations: ReservationsSite, plan: SeatPlan, buyer: dict[str, object], *, until: Until) -> None:
    held = reservations.reserve_seats(seat_ids=_free(plan, 3)[:1], buyer=buyer, key=uuid.uuid4().hex, visitor=VISITOR)
    reservations.cancel(held.code, VISITOR)

    def is_released() -> bool:
        found = reservations.reservation(held.code, VISITOR)
        return found is not None and found.status == "released"

    until(is_released)


def check_refusals_of_strangers(billing: BillingSite, paid: Order) -> None:
    ticket = paid.tickets[0].external_id
    assert billing.order("TF-0000-0000-0000", VISITOR) is None
    with pytest.raises(Refused) as refused:
        billing.document(external_id=ticket, code="TF-0000-0000-0000", visitor=VISITOR)
    assert refused.value.status == 404
    with pytest.raises(SignedOut):
        billing.tickets(Visitor(address="127.0.0.1", token="no-token-of-anybody"))
    with pytest.raises(Refused) as refused:
        billing.login(who={"email": "nadie@example.cl"}, password="x", visitor=VISITOR)
    assert (refused.value.status, refused.value.code) == (401, "wrong_credentials")
