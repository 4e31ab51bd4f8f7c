"""Events copied to another date: zones and seats come along, reservations and their states do not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from reservations_site.events import zones
from reservations_site.events.models import Event, Seat
from reservations_site.events.services import Refused, block_seats, copy_event
from reservations_site.events.tests.factories import hold, seat_ids, statuses
from reservations_site.reservations.models import AuditEntry

BY = "staff:ana"


def copied(event: Event, *, keep_blocked: bool = False, prices: dict[str, int] | None = None) -> Event:
    copy = Event(name="Segunda función", starts_at=timezone.now() + timedelta(days=60))
    wanted = {"Platea": 12_000, "VIP": 40_000} if prices is None else prices
    return copy_event(event=event, copy=copy, prices=wanted, keep_blocked=keep_blocked, by=BY)


@pytest.fixture
def used(event: Event) -> Event:
    """Some seats in a zone of their own, one held, one blocked."""
    zones.assign_zone(event=event, seat_ids=seat_ids(event, "A-1", "A-2"), name="VIP", price=30_000, by=BY)
    hold(event, "A-1")
    block_seats(event=event, seat_ids=seat_ids(event, "B-1"), reason="x", by=BY)
    return event


def test_a_copy_is_a_draft_with_the_same_seats_all_free_at_new_prices(used: Event) -> None:
    copy = copied(used)
    assert (copy.status, copy.venue_id) == (Event.Status.DRAFT, used.venue_id)
    assert set(Seat.objects.filter(event=copy).values_list("status", flat=True)) == {"available"}

    def plan(event: Event) -> list[tuple[object, ...]]:
        columns = ("section__name", "label", "row", "row_rank", "number", "position", "x", "y")
        return list(Seat.objects.filter(event=event).order_by("id").values_list(*columns))

    assert plan(copy) == plan(used)
    assert dict(copy.sections.values_list("name", "price")) == {"Platea": 12_000, "VIP": 40_000}
    assert dict(used.sections.values_list("name", "price")) == {"Platea": 10_000, "VIP": 30_000}
    assert statuses(used, "A-1", "B-1") == ["reserved", "blocked"]
    entry = AuditEntry.objects.get(action="event_copied")
    assert (entry.by, entry.event_id, entry.detail["total"]) == (BY, copy.id, 24)


def test_blocked_seats_stay_blocked_when_that_is_wanted(used: Event) -> None:
    assert statuses(copied(used, keep_blocked=True), "A-1", "B-1") == ["available", "blocked"]


def test_a_copy_without_a_price_for_each_zone_is_refused_whole(used: Event) -> None:
    with pytest.raises(Refused, match="VIP"):
        copied(used, prices={"Platea": 1})
    assert Event.objects.count() == 1


def test_an_event_without_seats_is_copied_too(event: Event) -> None:
    bare = Event.objects.create(venue=event.venue, name="Nada", starts_at=timezone.now())
    assert not copied(bare).seats.exists()
