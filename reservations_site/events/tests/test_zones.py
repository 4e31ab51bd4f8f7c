"""Price zones on the picture: seats move, what is taken stays and keeps its price, the last step is taken back."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from middleware_worker.contract.messages import TicketState
from reservations_site.events import selectors, zones
from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.events.services import Refused, block_seats, unblock_seats
from reservations_site.events.tests.factories import hold, make_event, seat_ids, statuses
from reservations_site.reservations import locks
from reservations_site.reservations.models import AuditEntry, Line
from reservations_site.reservations.states import apply_ticket_states
from reservations_site.venues.plans import SectionPlan

BY = "staff:ana"
TWO = (SectionPlan(name="Platea", rows=1, seats=4), SectionPlan(name="Palco", rows=1, seats=3, prefix="P"))


def zone_of(event: Event, *labels: str) -> list[str]:
    found = dict(Seat.objects.filter(event=event).values_list("label", "section__name"))
    return [found[label] for label in labels]


def assign(event: Event, *labels: str, name: str, price: int | None = None, by: str = BY) -> zones.Moved:
    return zones.assign_zone(event=event, seat_ids=seat_ids(event, *labels), name=name, price=price, by=by)


def undo(event: Event, by: str = BY) -> zones.Moved:
    entry = zones.last_step(event=event, by=by)
    assert entry is not None
    return zones.undo(event=event, entry_id=entry.id, by=by)


def test_free_and_blocked_seats_go_into_a_new_zone(event: Event) -> None:
    block_seats(event=event, seat_ids=seat_ids(event, "A-2"), reason="x", by=BY)
    moved = assign(event, "A-1", "A-2", name="VIP", price=50_000)
    assert moved == (["A-1", "A-2"], {})
    assert zone_of(event, "A-1", "A-2", "A-3") == ["VIP", "VIP", "Platea"]
    assert statuses(event, "A-1", "A-2") == ["available", "blocked"]
    entry = AuditEntry.objects.get(action="seats_zoned")
    assert (entry.by, entry.detail["zone"], entry.detail["seats"]) == (BY, "VIP", ["A-1", "A-2"])
    assert hold(event, "A-1").lines[0].price == 50_000


def test_taken_seats_stay_and_are_named_and_their_price_never_changes(event: Event) -> None:
    held, sold = hold(event, "A-1", rut=1), hold(event, "A-2", rut=2)
    apply_ticket_states([TicketState(id=sold.lines[0].ticket_id, status="PAID", generation=1, n=1)])
    moved = assign(event, "A-1", "A-2", "A-3", name="VIP", price=1)
    assert moved == (["A-3"], {"A-1": "reserved", "A-2": "sold"})
    assert zone_of(event, "A-1", "A-2") == ["Platea", "Platea"]
    assert zones.change_prices(event=event, prices={"Platea": 7_000, "VIP": 1}, by=BY) == ["Platea"]
    assert set(Line.objects.values_list("price", flat=True)) == {10_000}
    assert hold(event, "A-4", rut=3).lines[0].price == 7_000
    assert held.reservation.lines.get().price == 10_000


def test_when_every_seat_is_taken_nothing_is_made(event: Event) -> None:
    hold(event, "A-1")
    assert assign(event, "A-1", name="VIP", price=1).labels == []
    assert not EventSection.objects.filter(event=event, name="VIP").exists()
    assert not AuditEntry.objects.filter(action="seats_zoned").exists()


def test_a_zone_that_loses_its_last_seat_goes(db: None) -> None:
    event = make_event(*TWO)
    assign(event, "P-A-1", "P-A-2", "P-A-3", name="Platea")
    assert [zone["name"] for zone in selectors.sections(event.id)] == ["Platea"]
    assert Seat.objects.filter(event=event).count() == 7
    undo(event)
    assert [(zone["name"], zone["price"]) for zone in selectors.sections(event.id)] == [
        ("Platea", 10_000),
        ("Palco", 9_000),
    ]
    assert zone_of(event, "P-A-1") == ["Palco"]


@pytest.mark.parametrize(("name", "price"), [("Nadie", None), ("Platea", 5)])
def test_a_zone_is_either_known_or_new(event: Event, name: str, price: int | None) -> None:
    with pytest.raises(Refused, match=name):
        assign(event, "A-1", name=name, price=price)


def test_the_map_of_buyers_is_a_new_one_when_seats_change_zone(db: None) -> None:
    event = make_event(*TWO)
    before = selectors.map_state(event).etag
    assign(event, "A-1", name="Palco")
    assert selectors.map_state(event).etag != before


def test_the_last_steps_are_taken_back_one_after_the_other(event: Event) -> None:
    block_seats(event=event, seat_ids=seat_ids(event, "A-1"), reason="x", by=BY)
    unblock_seats(event=event, seat_ids=seat_ids(event, "A-1"), by=BY)
    zones.change_prices(event=event, prices={"Platea": 5}, by=BY)
    assign(event, "A-1", name="VIP", price=9)
    assert undo(event).labels == ["A-1"]
    assert zone_of(event, "A-1") == ["Platea"]
    assert undo(event).labels == ["Platea"]
    assert int(event.sections.get().price) == 10_000
    undo(event)
    assert statuses(event, "A-1") == ["blocked"]
    undo(event)
    assert statuses(event, "A-1") == ["available"]
    assert zones.last_step(event=event, by=BY) is None
    assert AuditEntry.objects.filter(action="step_undone", by=BY).count() == 4


def test_what_was_sold_since_or_moved_by_others_is_not_taken_back(event: Event) -> None:
    assign(event, "A-1", "A-2", "A-3", name="VIP", price=9)
    hold(event, "A-1")
    assign(event, "A-2", name="Prensa", price=0, by="staff:otra")
    assert undo(event) == (["A-3"], {"A-1": "reserved", "A-2": "available"})
    assert zone_of(event, "A-1", "A-2", "A-3") == ["VIP", "Prensa", "Platea"]


def test_a_price_that_another_changed_since_is_kept(event: Event) -> None:
    zones.change_prices(event=event, prices={"Platea": 5}, by=BY)
    zones.change_prices(event=event, prices={"Platea": 6}, by="staff:otra")
    assert undo(event).labels == []
    assert int(event.sections.get().price) == 6


def test_each_undoes_only_their_own_and_only_once(event: Event) -> None:
    block_seats(event=event, seat_ids=seat_ids(event, "A-1"), reason="x", by="staff:otra")
    block_seats(event=event, seat_ids=seat_ids(event, "A-2"), reason="x", by=BY)
    entry = zones.last_step(event=event, by=BY)
    assert entry is not None
    zones.undo(event=event, entry_id=entry.id, by=BY)
    with pytest.raises(Refused, match="ya se deshizo"):
        zones.undo(event=event, entry_id=entry.id, by=BY)
    assert statuses(event, "A-1", "A-2") == ["blocked", "available"]
    with pytest.raises(Refused):
        zones.undo(event=event, entry_id=AuditEntry.objects.get(by="staff:otra").id, by=BY)


def test_a_change_that_is_rolled_back_leaves_no_trace(event: Event) -> None:
    def fail() -> None:
        with transaction.atomic():
            assign(event, "A-1", name="VIP", price=9)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert zone_of(event, "A-1") == ["Platea"]
    assert not AuditEntry.objects.filter(action="seats_zoned").exists()


@pytest.fixture
def taken_meanwhile(transactional_db: None) -> Callable[[], tuple[zones.Moved, list[str]]]:
    """Moves A-1 to a zone while somebody else is just taking it: what came of it, and the zone of A-1."""

    def race() -> tuple[zones.Moved, list[str]]:
        event = make_event()
        ids = seat_ids(event, "A-1")

        def move() -> zones.Moved:
            try:
                return assign(event, "A-1", name="VIP", price=9)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic(), connection.cursor() as cursor:
                Seat.objects.select_for_update().get(id=ids[0])
                Seat.objects.filter(id__in=ids).update(status="reserved")
                moving = pool.submit(move)
                waiting = 0
                while not (waiting or moving.done()):
                    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                    waiting = cursor.fetchone()[0]
            return moving.result(), zone_of(event, "A-1")

    return race


@pytest.mark.postgresql
def test_a_seat_that_is_being_taken_stays_in_its_zone(
    taken_meanwhile: Callable[[], tuple[zones.Moved, list[str]]],
) -> None:
    assert taken_meanwhile() == (([], {"A-1": "reserved"}), ["Platea"])


@pytest.mark.postgresql
def test_control_without_the_lock_it_would_change_its_zone(
    taken_meanwhile: Callable[[], tuple[zones.Moved, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlocked(ids: Iterable[int]) -> dict[int, str]:
        return dict(Seat.objects.filter(id__in=list(ids)).values_list("id", "status"))

    monkeypatch.setattr(locks, "seats", unlocked)
    assert taken_meanwhile()[1] == ["VIP"]
