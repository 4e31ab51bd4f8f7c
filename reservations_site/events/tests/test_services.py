"""Filling an event with seats, blocking and unblocking them."""

import pytest

from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.events.services import Refused, block_seats, copy_plan, unblock_seats
from reservations_site.events.tests.factories import hold, make_event, seat_ids, statuses
from reservations_site.reservations.models import AuditEntry
from reservations_site.venues.models import PlanSeat, Venue


def test_the_plan_is_copied_with_a_price_a_section(event: Event) -> None:
    assert event.seats.count() == PlanSeat.objects.filter(section__venue=event.venue).count() == 24
    assert [(s.name, int(s.price)) for s in event.sections.all()] == [("Platea", 10_000)]
    assert AuditEntry.objects.get(action="plan_copied", event=event).detail == {"seats": 24}


def test_copying_again_replaces_seats_that_nobody_has_reserved(event: Event) -> None:
    copy_plan(event=event, prices={"Platea": 500}, by="staff")
    assert event.seats.count() == 24
    assert int(event.sections.get().price) == 500


def test_seats_with_reservations_are_not_replaced(event: Event) -> None:
    hold(event, "A-1")
    with pytest.raises(Refused, match="ya tiene reservas"):
        copy_plan(event=event, prices={"Platea": 500}, by="staff")
    assert Seat.objects.filter(event=event).count() == 24


def test_every_section_needs_a_price(event: Event) -> None:
    with pytest.raises(Refused, match="Falta el precio de: Platea"):
        copy_plan(event=event, prices={}, by="staff")
    assert EventSection.objects.filter(event=event).exists()


def test_a_venue_without_a_plan_cannot_be_copied(event: Event) -> None:
    Event.objects.filter(id=event.id).update(venue=Venue.objects.create(name="Vacío"))
    event.refresh_from_db()
    with pytest.raises(Refused, match="no tiene plano"):
        copy_plan(event=event, prices={"Platea": 1}, by="staff")


def test_only_free_seats_are_blocked_and_only_blocked_ones_unblocked(event: Event) -> None:
    hold(event, "A-1")
    ids = seat_ids(event, "A-1", "A-2", "A-3")
    assert block_seats(event=event, seat_ids=ids, reason="Cámara", by="staff:ana") == (
        ["A-2", "A-3"],
        {"A-1": "reserved"},
    )
    assert statuses(event, "A-1", "A-2", "A-3") == ["reserved", "blocked", "blocked"]
    entry = AuditEntry.objects.get(action="seats_blocked")
    assert (entry.by, entry.detail) == ("staff:ana", {"seats": ["A-2", "A-3"], "reason": "Cámara"})
    assert unblock_seats(event=event, seat_ids=ids, by="staff:ana").labels == ["A-2", "A-3"]
    assert statuses(event, "A-1", "A-2", "A-3") == ["reserved", "available", "available"]
    assert block_seats(event=event, seat_ids=[], by="x") == ([], {})


def test_seats_of_another_event_are_left_alone(event: Event) -> None:
    other = make_event()
    assert block_seats(event=event, seat_ids=seat_ids(other, "A-1"), by="staff") == ([], {})
    assert statuses(other, "A-1") == ["available"]
