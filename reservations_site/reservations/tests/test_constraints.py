"""Each rule that the database itself keeps, and an attempt to break it."""

import re
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.events.tests.factories import hold, make_event
from reservations_site.reservations.models import Line, Reservation
from reservations_site.venues.models import PlanSeat, Section, Venue


def broken(attempt: Callable[[], object]) -> str:
    """What the database says of an attempt that it must refuse."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        attempt()
    return str(caught.value)


def test_a_seat_has_one_live_line(event: Event) -> None:
    line = hold(event, "A-1").lines[0]

    def second(status: str) -> Line:
        return Line.objects.create(
            reservation=line.reservation, seat=line.seat, ticket_id=f"TF-{status}", price=1, status=status
        )

    for status in Line.LIVE:
        # PostgreSQL names the constraint, SQLite its column.
        assert re.search("one_live_line_a_seat|line.seat_id", broken(lambda status=status: second(status)))
    second("released")
    Line.objects.filter(id=line.id).update(status="released")
    second("held")


def test_a_ticket_belongs_to_one_line(event: Event) -> None:
    one, two = hold(event, "A-1", "A-2").lines
    broken(lambda: Line.objects.filter(id=one.id).update(ticket_id=two.ticket_id))


@pytest.mark.parametrize(("field", "value"), [("status", "lost"), ("price", -1)])
def test_a_line_has_a_known_status_and_a_price(event: Event, field: str, value: object) -> None:
    line = hold(event, "A-1").lines[0]
    assert f"line_{field}" in broken(lambda: Line.objects.filter(id=line.id).update(**{field: value}))


def test_a_key_is_used_once_a_caller(event: Event) -> None:
    one, two = hold(event, "A-1").reservation, hold(event, "A-2").reservation
    broken(lambda: Reservation.objects.filter(id=one.id).update(idempotency_key=two.idempotency_key))
    Reservation.objects.filter(id=one.id).update(idempotency_key=two.idempotency_key, caller="portal")


def test_a_code_is_used_once(event: Event) -> None:
    one, two = hold(event, "A-1").reservation, hold(event, "A-2").reservation
    broken(lambda: Reservation.objects.filter(id=one.id).update(code=two.code))


def test_a_seats_status_is_a_known_one(event: Event) -> None:
    assert "seat_status_known" in broken(lambda: Seat.objects.filter(event=event).update(status="gone"))


def test_a_seat_label_is_there_once_an_event(event: Event) -> None:
    broken(lambda: Seat.objects.filter(event=event, label="A-2").update(label="A-1"))
    assert Seat.objects.filter(label="A-1").count() == 1
    make_event()
    assert Seat.objects.filter(label="A-1").count() == 2


def test_a_section_has_a_price_and_its_name_once(event: Event) -> None:
    section = event.sections.get()
    assert "event_section_price" in broken(lambda: EventSection.objects.filter(id=section.id).update(price=-1))
    broken(lambda: EventSection.objects.create(event=event, name=section.name, price=1))


def test_a_plan_has_each_section_and_seat_once(event: Event) -> None:
    section = Section.objects.get(venue=event.venue)
    broken(lambda: Section.objects.create(venue=event.venue, name=section.name))
    broken(lambda: PlanSeat.objects.filter(section=section, label="A-2").update(number=1))


def test_a_venue_is_there_once(event: Event) -> None:
    broken(lambda: Venue.objects.create(name=event.venue.name))


@pytest.mark.parametrize("model", [Seat, Event, Reservation])
def test_what_has_a_history_cannot_be_deleted(event: Event, model: type) -> None:
    hold(event, "A-1")
    with pytest.raises(ProtectedError):
        model.objects.all().delete()
