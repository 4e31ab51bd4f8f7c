"""Cancel, expiry and cancelled events: asks to billing, one open ask a reservation, the seat kept until the answer."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from middleware_worker.contract.drf import ApiError
from middleware_worker.contract.messages import TicketState, to_billing
from middleware_worker.outbox.models import OutboxMessage
from reservations_site.events.models import Event
from reservations_site.events.services import cancel_event
from reservations_site.events.tests.factories import hold, statuses
from reservations_site.reservations.endings import ask_to_end, end_cancelled_events, end_holds_that_ran_out
from reservations_site.reservations.management.commands import jobs
from reservations_site.reservations.models import AuditEntry, Line, Reservation
from reservations_site.reservations.selectors import Booking, booking
from reservations_site.reservations.states import apply_ticket_states


def asks() -> list[object]:
    rows = OutboxMessage.objects.filter(type="ticket.expire").order_by("created_at")
    return [to_billing.validate_python(row.message()) for row in rows]


def pay(held: Booking) -> None:
    apply_ticket_states([TicketState(id=x.ticket_id, status="PAID", generation=1, n=1) for x in held.lines])


def run_out(*bookings: Booking) -> None:
    ids = [held.reservation.id for held in bookings]
    Reservation.objects.filter(id__in=ids).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_a_cancellation_asks_billing_and_keeps_the_seat(event: Event) -> None:
    held = hold(event, "A-1", "A-2", name="Ana")
    ended = ask_to_end(reservation=held.reservation, reason="cancelled_by_buyer", by="rut:1")
    assert ended.status == "cancelling"
    assert statuses(event, "A-1", "A-2") == ["reserved", "reserved"]
    (ask,) = asks()
    created = to_billing.validate_python(OutboxMessage.objects.get(type="ticket.create").message())
    assert ask.model_dump(exclude={"id", "type", "reason", "by", "refund_paid"}) == created.model_dump(
        exclude={"id", "type"}
    )
    assert (ask.reason, ask.by, ask.refund_paid) == ("cancelled_by_buyer", "rut:1", False)
    assert AuditEntry.objects.get(action="asked_to_end").detail == {"reason": "cancelled_by_buyer"}


def test_a_second_ask_changes_nothing(event: Event) -> None:
    held = hold(event, "A-1")
    ask_to_end(reservation=held.reservation, reason="cancelled_by_buyer", by="rut:1")
    ask_to_end(reservation=held.reservation, reason="cancelled_by_staff", by="staff")
    run_out(held)
    assert end_holds_that_ran_out() == 0
    assert [ask.reason for ask in asks()] == ["cancelled_by_buyer"]


def test_what_is_paid_cannot_be_cancelled_even_after_an_ask(event: Event) -> None:
    held = hold(event, "A-1")
    ask_to_end(reservation=held.reservation, reason="hold_ran_out", by="jobs")
    pay(held)
    assert booking(held.reservation).status == "confirmed"
    with pytest.raises(ApiError) as caught:
        ask_to_end(reservation=held.reservation, reason="cancelled_by_buyer", by="rut:1")
    assert (caught.value.status_code, caught.value.code) == (409, "paid")
    assert len(asks()) == 1


def test_a_released_reservation_needs_no_ask(event: Event) -> None:
    held = hold(event, "A-1")
    apply_ticket_states([TicketState(id=held.lines[0].ticket_id, status="EXPIRED", generation=1, n=1)])
    assert ask_to_end(reservation=held.reservation, reason="cancelled_by_buyer", by="rut:1").status == "released"
    assert asks() == []


def test_only_unpaid_holds_past_their_time_run_out(event: Event) -> None:
    late, paid, early = hold(event, "A-1", rut=1), hold(event, "A-2", rut=2), hold(event, "A-3", rut=3)
    pay(paid)
    run_out(late, paid)
    assert end_holds_that_ran_out() == 1
    assert [(ask.order, ask.reason, ask.by) for ask in asks()] == [(late.reservation.code, "hold_ran_out", "jobs")]
    assert booking(early.reservation).status == "held"
    assert statuses(event, "A-1") == ["reserved"]


def test_holds_run_out_in_batches(event: Event) -> None:
    run_out(*(hold(event, label, rut=rut) for rut, label in enumerate(("A-1", "A-2", "A-3"), start=1)))
    assert [end_holds_that_ran_out(limit=2) for _round in range(3)] == [2, 1, 0]


def test_a_cancelled_event_ends_every_live_reservation_and_refunds_what_is_paid(event: Event) -> None:
    held, paid = hold(event, "A-1", rut=1), hold(event, "A-2", rut=2)
    asked = hold(event, "A-3", rut=3)
    pay(paid)
    ask_to_end(reservation=asked.reservation, reason="hold_ran_out", by="jobs")
    assert cancel_event(event=event, reason="Lluvia", by="staff:ana") == 3
    new = [ask for ask in asks() if ask.reason == "event_cancelled"]
    assert {ask.order for ask in new} == {held.reservation.code, paid.reservation.code, asked.reservation.code}
    assert all(ask.refund_paid and ask.by == "staff:ana" for ask in new)
    event.refresh_from_db()
    assert event.status == "cancelled"
    assert AuditEntry.objects.get(action="event_cancelled").detail == {"reason": "Lluvia"}


def test_cancelling_an_event_twice_asks_once(event: Event) -> None:
    hold(event, "A-1")
    cancel_event(event=event, reason="", by="staff")
    assert cancel_event(event=event, reason="", by="staff") == 0
    assert len(asks()) == 1
    assert AuditEntry.objects.filter(action="event_cancelled").count() == 1


def test_a_reservation_made_while_its_event_was_cancelled_is_found_by_the_jobs(event: Event) -> None:
    hold(event, "A-1")
    Event.objects.filter(id=event.id).update(status="cancelled")
    assert end_cancelled_events() == 1
    assert [(ask.reason, ask.by) for ask in asks()] == [("event_cancelled", "jobs")]


def test_one_round_of_jobs_does_all_of_it(event: Event) -> None:
    run_out(hold(event, "A-1", rut=1))
    assert jobs.run_once(0) is False
    assert len(asks()) == 1


@pytest.mark.parametrize("failure", [OperationalError("the database is gone"), RuntimeError("anything")])
def test_the_jobs_outlive_a_failure(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    stop = threading.Event()

    def fails_once(number: int) -> bool:
        rounds.append(number)
        if number == 0:
            raise failure
        stop.set()
        return True

    monkeypatch.setattr(jobs, "run_once", fails_once)
    monkeypatch.setattr(jobs, "close_old_connections", lambda: None)
    jobs.run(stopping=stop.is_set, idle=lambda seconds: None)
    assert rounds == [0, 1]


def test_a_line_belongs_to_one_status_of_the_booking(event: Event) -> None:
    held = hold(event, "A-1", "A-2")
    Line.objects.filter(id=held.lines[0].id).update(status="confirmed")
    assert booking(held.reservation).status == "mixed"
