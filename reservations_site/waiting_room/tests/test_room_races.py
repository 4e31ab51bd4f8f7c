"""The room under real concurrency, on PostgreSQL."""

import multiprocessing
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now

from middleware_worker.contract.drf import ApiError
from reservations_site.events.models import Event
from reservations_site.events.tests.factories import hold, make_event, seat_ids
from reservations_site.reservations import at_once
from reservations_site.reservations.tests.races import DEADLINE_SECONDS, barrier, together
from reservations_site.waiting_room import doorkeeper, locks, selectors, services
from reservations_site.waiting_room.models import Place, Room
from reservations_site.waiting_room.tests.factories import join, let_in, make_room, new_browser
from reservations_site.waiting_room.tests.test_room import most_in_a_minute

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def event(transactional_db: None) -> Event:
    selectors.forget()
    return make_event()


def test_of_many_doorkeepers_one_moves_the_door(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow the machine is: within this time nobody is due a second time.
    monkeypatch.setattr(locks, "TICK", timedelta(hours=1))
    make_room(event, rate=600)
    join(event, 60)
    Room.objects.update(ticked_at=Now() - timedelta(hours=2))
    assert Counter(together([lambda: doorkeeper.advance(event.id)] * 8))[True] == 1
    # What the pace makes up for at most, once.
    assert Room.objects.get().door == Place.objects.exclude(let_in_at=None).count() == 50


def test_control_without_the_lock_all_of_them_let_people_in(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    make_room(event, rate=600)
    join(event, 60)
    Room.objects.update(ticked_at=Now() - timedelta(seconds=2))
    all_have_looked = barrier(4)

    def without_a_lock(event_id: int) -> Room | None:
        room = Room.objects.select_related("event").annotate(now=Now()).get(pk=event_id)
        all_have_looked.wait()
        return room

    monkeypatch.setattr(locks, "due_room", without_a_lock)
    assert Counter(together([lambda: doorkeeper.advance(event.id)] * 4))[True] == 4


def keep_the_door(event_id: int, start: Any, found: Any) -> None:
    """A process that sees to the room again and again, as a replica does."""
    start.wait(DEADLINE_SECONDS)
    moved = 0
    while Room.objects.get().door < 45:
        Room.objects.filter(ticked_at__gt=Now() - locks.TICK).update(ticked_at=Now() - 2 * locks.TICK)
        moved += doorkeeper.advance(event_id)
        if moved % 7 == 0:
            services.stand_in_line(event_id=event_id, browser=new_browser())
    found.put(moved)
    connections.close_all()


def test_processes_that_share_a_room_let_each_in_once_and_never_more_than_the_rate(event: Event) -> None:
    """Their ticks come far too often, so that the window of the last minute alone holds them back."""
    make_room(event, rate=45)
    join(event, 100)
    connections.close_all()
    context = multiprocessing.get_context("fork")
    start, found = context.Barrier(4), context.Queue()
    processes = [context.Process(target=keep_the_door, args=(event.id, start, found)) for _process in range(4)]
    for process in processes:
        process.start()
    moved = [found.get(timeout=2 * DEADLINE_SECONDS) for _process in processes]
    for process in processes:
        process.join(DEADLINE_SECONDS)
    Room.objects.update(ticked_at=Now() - timedelta(seconds=30))
    doorkeeper.advance(event.id)
    entered = list(Place.objects.exclude(let_in_at=None).order_by("number").values_list("number", "let_in_at"))
    assert sum(moved) > 0
    assert [number for number, _at in entered] == list(range(1, 46))
    assert most_in_a_minute([at for _number, at in entered]) <= 45
    given = list(Place.objects.exclude(number=None).values_list("number", flat=True))
    assert sorted(given) == list(range(1, len(given) + 1))


def test_a_browser_that_joins_many_times_at_once_has_one_place(event: Event) -> None:
    make_room(event)
    browser = new_browser()
    together([lambda: services.stand_in_line(event_id=event.id, browser=browser)] * 8)
    assert Place.objects.count() == 1


def outcomes(calls: list[Callable[[], Any]]) -> Counter[str]:
    def told(call: Callable[[], Any]) -> str:
        try:
            call()
        except ApiError as refused:
            return refused.code
        return "won"

    return Counter(together([lambda call=call: told(call) for call in calls]))


@pytest.mark.parametrize("way", ["at_once", "plainly", "mixed"])
def test_an_admission_is_spent_as_often_as_it_may_be_and_by_one_buyer(
    event: Event, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_room(event, purchases=3)
    labels = ["A-1", "A-2", "A-3", "A-4", "B-1", "B-2", "B-3", "B-4"]
    whole = at_once.can
    first = {seat_ids(event, label)[0] for label in labels[::2]}
    ways = {"at_once": whole, "plainly": lambda wanted: False, "mixed": lambda wanted: wanted[0] in first}
    monkeypatch.setattr(at_once, "can", ways[way])
    admission = let_in(event)
    found = outcomes([lambda label=label: hold(event, label, rut=7, admission=admission) for label in labels])
    assert found == {"won": 3, "admission_used": 5}
    admission = let_in(event)
    others = enumerate(["C-1", "C-2", "C-3", "C-4"], start=20)
    shared = [lambda rut=rut, label=label: hold(event, label, rut=rut, admission=admission) for rut, label in others]
    assert outcomes(shared) == {"won": 1, "admission_used": 3}
