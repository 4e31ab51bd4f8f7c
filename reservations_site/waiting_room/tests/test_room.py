"""The room: the draw, the order, the rate, the pass, and what it asks of those who reserve."""

import hashlib
import random
from bisect import bisect_left
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from middleware_worker.contract.drf import ApiError
from reservations_site.events.models import Event, Seat
from reservations_site.events.tests.factories import hold, make_event, seat_ids
from reservations_site.reservations.models import AuditEntry
from reservations_site.reservations.services import reserve_best
from reservations_site.waiting_room import doorkeeper, locks, selectors, services
from reservations_site.waiting_room.admission import SALT
from reservations_site.waiting_room.models import Place, Room
from reservations_site.waiting_room.tests.factories import join, let_in, make_room, new_browser, tick

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    selectors.forget()


def numbers(event: Event) -> dict[str, int | None]:
    return dict(Place.objects.filter(room_id=event.id).values_list("browser", "number"))


# The draw


def test_before_the_opening_nobody_has_a_number_and_nobody_is_let_in(event: Event) -> None:
    make_room(event, opens_at=timezone.now() + HOUR)
    browsers = join(event, 5)
    room = tick(event)
    assert numbers(event) == dict.fromkeys(browsers)
    assert (room.early, room.door, room.seed) == (5, 0, "")
    assert selectors.state(event.id)["state"] == "before"


def test_the_draw_is_the_order_of_the_hashes_of_a_recorded_seed_and_later_ones_stand_behind(event: Event) -> None:
    make_room(event, opens_at=timezone.now() + HOUR, rate=1)
    early = join(event, 30)
    Room.objects.update(opens_at=timezone.now())
    late = join(event, 3)
    room = tick(event)
    found = numbers(event)
    places = Place.objects.filter(browser__in=early)
    drawn = sorted(places, key=lambda place: hashlib.sha256(f"{room.seed}{place.id}".encode()).digest())
    assert [found[place.browser] for place in drawn] == list(range(1, 31))
    assert [found[browser] for browser in late] == [31, 32, 33]
    assert AuditEntry.objects.get(action="room_drawn").detail == {"seed": room.seed, "total": 33}
    # No two draws are alike: the order in which they came says nothing.
    assert [place.id for place in drawn] != sorted(place.id for place in places)


def test_after_the_opening_who_comes_first_stands_first_without_gaps(event: Event) -> None:
    make_room(event, rate=1)
    first = join(event, 3)
    tick(event)
    second = join(event, 3)
    tick(event)
    assert [numbers(event)[browser] for browser in [*first, *second]] == [1, 2, 3, 4, 5, 6]


def test_a_room_never_opens_before_the_sale(event: Event) -> None:
    make_room(event)
    Event.objects.update(sales_open_at=timezone.now() + HOUR)
    join(event, 1)
    assert tick(event).drawn_at is None


def test_the_same_browser_gets_the_same_place(event: Event) -> None:
    make_room(event)
    (browser,) = join(event, 1)
    for _reload in range(3):
        services.stand_in_line(event_id=event.id, browser=browser)
    assert Place.objects.count() == 1


def test_who_was_in_stands_at_the_end_and_the_old_place_is_gone(event: Event) -> None:
    make_room(event, rate=1)
    (first, _second) = join(event, 2)
    tick(event)
    Place.objects.filter(browser=first).update(let_in_at=timezone.now() - HOUR, expires_at=timezone.now())
    services.stand_in_line(event_id=event.id, browser=first)
    tick(event)
    assert numbers(event)[first] == 3
    assert selectors.place(event_id=event.id, browser=first)["status"] == "waiting"


# The rate


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls the doorkeeper at moments of the test's own."""

    def advance(event: Event, now: datetime) -> None:
        def due(event_id: int) -> Room:
            room = Room.objects.select_related("event").get(pk=event_id)
            room.now = now
            return room

        with monkeypatch.context() as patch:
            patch.setattr(locks, "due_room", due)
            doorkeeper.advance(event.id)

    return advance


def most_in_a_minute(entries: list[datetime]) -> int:
    ordered, before = sorted(entries), timedelta(seconds=59.999999)
    return max((end - bisect_left(ordered, at - before) + 1 for end, at in enumerate(ordered)), default=0)


@pytest.mark.parametrize("seed", range(3))
def test_the_rate_is_never_exceeded_in_any_minute_however_the_ticks_come(event: Event, clock: Any, seed: int) -> None:
    dice = random.Random(seed)
    rate = 20
    make_room(event, rate=rate)
    Place.objects.bulk_create(Place(room_id=event.id, browser=new_browser()) for _number in range(200))
    now = timezone.now()
    for _tick in range(150):
        now += timedelta(seconds=dice.choice([0.9, 1, 1.3, 2, 5, 0.95, 30]))
        if dice.random() < 0.05:
            Room.objects.update(is_paused=dice.random() < 0.5)
        clock(event, now)
    entries = list(Place.objects.exclude(let_in_at=None).values_list("let_in_at", flat=True))
    assert len(entries) > 2 * rate
    assert most_in_a_minute(entries) <= rate
    given = Place.objects.exclude(let_in_at=None).values_list("number", flat=True)
    assert sorted(given) == [*range(1, len(entries) + 1)]


def test_the_door_opens_when_all_who_waited_can_know_their_numbers(event: Event, clock: Any, settings: Any) -> None:
    settings.NUMBERS_A_SECOND = 2
    make_room(event, opens_at=timezone.now() + HOUR, rate=60)
    join(event, 20)
    tick(event)
    assert selectors.state(event.id)["spread"] == 12
    now = timezone.now() + HOUR
    doors = []
    for second in range(14):
        clock(event, now + timedelta(seconds=second))
        doors.append(Room.objects.get().door)
    # Ten seconds for twenty, and before that at most what the pace makes up for.
    assert doors[5] == 0
    assert 0 < doors[11] <= 6
    assert doors[13] == doors[11] + 2


def test_what_staff_change_meanwhile_does_not_move_that_moment(event: Event, clock: Any, settings: Any) -> None:
    settings.NUMBERS_A_SECOND = 2
    make_room(event, opens_at=timezone.now() + HOUR, rate=600)
    join(event, 20)
    now = timezone.now() + HOUR
    clock(event, now)
    left = Room.objects.get().credit / 10
    assert left < 0
    services.change_room(event=event, by="test", rate=60)
    services.pause(event_id=event.id, paused=True, by="test")
    services.pause(event_id=event.id, paused=False, by="test")
    assert Room.objects.get().credit == pytest.approx(left)


def test_a_lower_rate_holds_for_the_minute_that_is_running(event: Event, clock: Any) -> None:
    make_room(event, rate=600)
    Place.objects.bulk_create(Place(room_id=event.id, browser=new_browser()) for _number in range(200))
    now = timezone.now()
    # In the first second those who waited come for their numbers.
    for _tick in range(6):
        now += timedelta(seconds=1)
        clock(event, now)
    inside = Room.objects.get().door
    assert inside >= 50
    Room.objects.update(rate=30)
    for _tick in range(30):
        now += timedelta(seconds=1)
        clock(event, now)
    assert Room.objects.get().door == inside


def test_after_an_outage_the_door_does_not_let_in_all_who_missed_their_turn(event: Event) -> None:
    make_room(event, rate=60)
    join(event, 30)
    assert tick(event, seconds=3600).door <= 5


def test_nobody_is_let_in_while_paused_and_places_are_numbered_all_the_same(event: Event) -> None:
    make_room(event)
    services.pause(event_id=event.id, paused=True, by="staff:ana")
    join(event, 3)
    room = tick(event, seconds=5)
    assert (room.last_number, room.door) == (3, 0)
    services.pause(event_id=event.id, paused=False, by="staff:ana")
    assert tick(event).door == 3
    assert list(AuditEntry.objects.filter(by="staff:ana").order_by("id").values_list("action", flat=True)) == [
        "room_paused",
        "room_resumed",
    ]


def test_nobody_is_sent_into_a_shop_without_a_free_seat(event: Event) -> None:
    make_room(event)
    join(event, 2)
    Seat.objects.update(status="sold")
    assert tick(event).door == 0
    assert selectors.state(event.id)["sold_out"]
    Seat.objects.filter(label="A-1").update(status="available")
    assert tick(event).door == 2


# What the hot path and the plain one ask for


@pytest.mark.usefixtures("both_ways")
class TestReserving:
    def test_without_admission_it_is_refused(self, event: Event) -> None:
        make_room(event)
        with pytest.raises(ApiError) as refused:
            hold(event, "A-1")
        assert (refused.value.status_code, refused.value.code) == (403, "waiting_room")

    def test_an_admission_of_another_event_is_none(self, event: Event) -> None:
        make_room(event)
        other = make_event()
        make_room(other)
        with pytest.raises(ApiError, match="sala de espera"):
            hold(event, "A-1", admission=let_in(other))

    def test_an_event_without_a_room_or_with_one_out_of_use_asks_for_nothing(self, event: Event) -> None:
        hold(event, "A-1")
        make_room(event, in_use=False)
        hold(event, "A-2")

    def test_one_admission_is_so_many_reservations_of_one_buyer(self, event: Event) -> None:
        make_room(event, purchases=2)
        admission = let_in(event)
        hold(event, "A-1", rut=1, admission=admission)
        for rut, label in ((2, "A-2"), (1, "A-3"), (1, "A-4")):
            if rut == 1 and label == "A-3":
                hold(event, label, rut=rut, admission=admission)
                continue
            with pytest.raises(ApiError) as refused:
                hold(event, label, rut=rut, admission=admission)
            assert (refused.value.status_code, refused.value.code) == (403, "admission_used")
        place = Place.objects.get()
        assert (place.uses, place.rut) == (2, 1)

    def test_a_refusal_costs_no_use_and_a_repeat_neither(self, event: Event) -> None:
        make_room(event, purchases=1)
        admission = let_in(event)
        Seat.objects.filter(label="A-1").update(status="sold")
        with pytest.raises(ApiError, match="A-1"):
            hold(event, "A-1", admission=admission)
        assert Place.objects.get().uses == 0
        first = hold(event, "A-2", admission=admission, idempotency_key="key:k")
        again = hold(event, "A-2", admission=admission, idempotency_key="key:k")
        assert (first.reservation.code, Place.objects.get().uses) == (again.reservation.code, 1)

    def test_time_inside_is_bounded_in_the_database_too(self, event: Event) -> None:
        make_room(event)
        with pytest.raises(ApiError) as refused:
            hold(event, "A-1", admission=let_in(event, at=timezone.now() - HOUR))
        assert refused.value.code == "admission_used"

    def test_the_best_seats_ask_for_it_too(self, event: Event) -> None:
        make_room(event, purchases=1)
        asked: dict[str, Any] = {"event_id": event.id, "quantity": 2, "rut": 1, "caller": "public", "by": "t"}
        with pytest.raises(ApiError, match="sala de espera"):
            reserve_best(**asked)
        admission = let_in(event)
        reserve_best(**asked, admission=admission)
        with pytest.raises(ApiError) as refused:
            reserve_best(**asked, admission=admission)
        assert refused.value.code == "admission_used"


# The API


def stand(client: Client, event: Event, browser: str, *, join: bool = True) -> Any:
    return client.post(
        f"/api/events/{event.id}/room/places", {"browser": browser, "join": join}, content_type="application/json"
    )


def reserve(client: Client, path: str, event: Event, label: str, admission: str | None, rut: int = 5) -> Any:
    (seat,) = seat_ids(event, label)
    body = {"seat_id": seat, "user_id": rut} if path.endswith("reserve") else {"seat_ids": [seat], "rut": rut}
    headers = {"X-Admission": admission} if admission else {}
    return client.post(path, body, content_type="application/json", headers=headers)


PATHS = ["/api/reserve", "/api/reservations"]


@pytest.mark.parametrize("path", PATHS)
def test_a_buyer_waits_is_let_in_and_reserves(event: Event, portal: Client, api: Client, path: str) -> None:
    make_room(event)
    browser = new_browser()
    assert stand(portal, event, browser, join=False).status_code == 404
    assert stand(portal, event, browser).json()["status"] == "waiting"
    tick(event)
    place = stand(portal, event, browser).json()
    assert (place["status"], place["number"], place["uses_left"]) == ("inside", 1, 2)
    assert reserve(api, path, event, "A-1", None).status_code == 403
    assert reserve(api, path, event, "A-1", f"{place['pass']} {browser}").status_code in (200, 201)


@pytest.mark.parametrize("path", PATHS)
def test_a_pass_cannot_be_forged_borrowed_or_kept(event: Event, portal: Client, api: Client, path: str) -> None:
    make_room(event)
    browser = new_browser()
    stand(portal, event, browser)
    tick(event)
    good = stand(portal, event, browser).json()["pass"]
    place = Place.objects.get()
    soon = int(timezone.now().timestamp()) + 600
    forged = {
        "another browser's": f"{good} {new_browser()}",
        "without the browser": good,
        "a changed letter": f"{good[:3]}{'A' if good[3] != 'A' else 'B'}{good[4:]} {browser}",
        "another key": f"{signing.dumps([event.id, place.id, browser, soon], key='other', salt=SALT)} {browser}",
        "another purpose": f"{signing.dumps([event.id, place.id, browser, soon], salt='other')} {browser}",
        "run out": f"{signing.dumps([event.id, place.id, browser, soon - 700], salt=SALT)} {browser}",
        "no list": f"{signing.dumps('x', salt=SALT)} {browser}",
        "garbage": "ñ x y z",
    }
    for name, admission in forged.items():
        answer = reserve(api, path, event, "A-1", admission)
        assert (name, answer.status_code, answer.json()["code"]) == (name, 403, "waiting_room")
    assert reserve(api, path, event, "A-1", f"{good} {browser}").status_code in (200, 201)


def test_only_the_portal_gives_places(event: Event, api: Client, worker: Client) -> None:
    make_room(event)
    assert stand(api, event, new_browser()).status_code in (401, 403)
    assert stand(worker, event, new_browser()).status_code == 403


@pytest.mark.parametrize("browser", ["", "x" * 32, "A" * 32, "a" * 33, 5, None])
def test_a_browser_is_a_digest(event: Event, portal: Client, browser: object) -> None:
    make_room(event)
    assert stand(portal, event, browser).status_code == 400


def test_everybody_sees_the_room_and_may_keep_the_answer_a_second(event: Event, api: Client) -> None:
    assert api.get(f"/api/events/{event.id}/room").status_code == 404
    selectors.forget()
    make_room(event, rate=60)
    join(event, 3)
    tick(event)
    answer = api.get(f"/api/events/{event.id}/room")
    assert answer["Cache-Control"] == "public, max-age=1"
    found = answer.json()
    assert (found["state"], found["waiting"], found["last"], found["door"], found["rate"]) == ("open", 2, 3, 1, 60)


def test_the_state_is_looked_up_once_a_second_and_polling_costs_no_query(
    event: Event, api: Client, django_assert_num_queries: Any
) -> None:
    make_room(event)
    api.get(f"/api/events/{event.id}/room")
    with django_assert_num_queries(0):
        for _poll in range(20):
            api.get(f"/api/events/{event.id}/room")


def test_a_place_is_the_same_after_a_restart(event: Event, portal: Client) -> None:
    """Nothing is kept in the process: a new one, and another replica, find it in the database."""
    make_room(event, rate=1)
    browsers = join(event, 3)
    tick(event)
    before = [stand(portal, event, browser).json()["number"] for browser in browsers]
    selectors.forget()
    assert [stand(portal, event, browser).json()["number"] for browser in browsers] == before == [1, 2, 3]


# Settings and age


def test_what_staff_change_is_recorded_and_the_counters_stay(event: Event) -> None:
    make_room(event)
    join(event, 2)
    tick(event)
    services.change_room(event=event, by="staff:ana", rate=30)
    room = Room.objects.get()
    assert (room.rate, room.door) == (30, 2)
    entry = AuditEntry.objects.get(action="room_changed")
    assert (entry.by, entry.detail) == ("staff:ana", {"changes": ["rate=30"]})


def test_old_places_are_deleted_and_rooms_stay(event: Event, settings: Any) -> None:
    make_room(event)
    join(event, 3)
    assert services.prune() == 0
    Event.objects.update(sales_close_at=timezone.now() - timedelta(days=settings.ROOM_KEEP_DAYS + 1))
    assert services.prune() == 3
    assert Room.objects.count() == 1
