"""The list of events and the seat map, in few queries, with an ETag."""

import gzip
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reservations_site.events import selectors
from reservations_site.events.models import Event, Seat
from reservations_site.events.tests.factories import hold, make_event, seat_ids
from reservations_site.venues.plans import SectionPlan


def test_an_event_shows_what_programs_rely_on(event: Event, api: Client, settings: Any) -> None:
    Event.objects.filter(id=event.id).update(starts_at="2125-12-15T23:00:00Z", description="Dos horas")
    hold(event, "A-1")
    body = api.get("/api/events").json()
    (shown,) = body["events"]
    assert body["instance"] == settings.INSTANCE
    assert shown["date"] == "2125-12-15 20:00"
    assert {key: shown[key] for key in ("id", "name", "venue", "total_seats", "available_seats", "description")} == {
        "id": event.id,
        "name": "Concierto",
        "venue": event.venue.name,
        "total_seats": 24,
        "available_seats": 23,
        "description": "Dos horas",
    }
    assert (shown["status"], shown["price_from"]) == ("published", 10_000)


def test_drafts_and_past_events_are_not_listed(event: Event, api: Client) -> None:
    make_event(status=Event.Status.DRAFT)
    make_event(starts_at=timezone.now() - timedelta(days=2))
    cancelled = make_event(status=Event.Status.CANCELLED)
    assert {shown["id"] for shown in api.get("/api/events").json()["events"]} == {event.id, cancelled.id}


def test_the_list_takes_as_many_queries_for_ten_events_as_for_one(event: Event, api: Client) -> None:
    with CaptureQueriesContext(connection) as one:
        api.get("/api/events")
    for _event in range(9):
        make_event()
    with CaptureQueriesContext(connection) as ten:
        assert len(api.get("/api/events").json()["events"]) == 10
    assert len(one) == len(ten) == 3


def test_an_event_shows_its_sections_with_their_free_seats(api: Client, db: None) -> None:
    event = make_event(
        SectionPlan(name="Platea", rows=1, seats=4), SectionPlan(name="Balcón", rows=2, seats=3, prefix="B")
    )
    hold(event, "B-A-1", "B-B-2")
    sections = api.get(f"/api/events/{event.id}").json()["sections"]
    assert [(s["name"], s["price"], s["available"], s["rank"]) for s in sections] == [
        ("Platea", 10_000, 4, 0),
        ("Balcón", 9_000, 4, 1),
    ]


def test_the_seat_map_shows_each_seat_and_nobody(event: Event, api: Client) -> None:
    hold(event, "A-1", name="Ana", email="ana@example.cl")
    Seat.objects.filter(id__in=seat_ids(event, "A-2")).update(status="blocked")
    answer = api.get(f"/api/events/{event.id}/seats")
    seats = answer.json()["seats"]
    assert len(seats) == 24
    first = {"id": seat_ids(event, "A-1")[0], "event_id": event.id, "seat_number": "A-1", "status": "reserved"}
    assert first.items() <= seats[0].items()
    assert seats[1]["status"] == "reserved"
    assert seats[2]["status"] == "available"
    assert (seats[0]["row"], seats[0]["number"], seats[0]["price"]) == ("A", 1, 10_000)
    text = answer.content.decode()
    assert "Ana" not in text
    assert "12345678" not in text


@pytest.mark.parametrize("path", ["/api/events/{}", "/api/events/{}/seats", "/api/events/{}/seats/states"])
def test_an_unknown_event_and_a_draft_are_404(event: Event, api: Client, path: str) -> None:
    Event.objects.filter(id=event.id).update(status=Event.Status.DRAFT)
    for unknown in (event.id, 0, 10**9, 10**30, "9" * 5000):
        answer = api.get(path.format(unknown))
        assert answer.status_code == 404
        assert answer.json()["error"]


def test_the_seat_map_is_sent_again_only_when_something_changed(event: Event, api: Client) -> None:
    path = f"/api/events/{event.id}/seats"
    etag = api.get(path)["ETag"]
    assert api.get(path, headers={"If-None-Match": etag}).status_code == 304
    changes = [
        lambda: hold(event, "A-1"),
        lambda: Seat.objects.filter(label="A-2").update(status="blocked"),
        lambda: event.sections.update(price=7),
        lambda: Event.objects.filter(id=event.id).update(status="cancelled"),
    ]
    for change in changes:
        change()
        answer = api.get(path, headers={"If-None-Match": f'"other", {etag}'})
        assert answer.status_code == 200
        assert answer["ETag"] != etag
        etag = answer["ETag"]
        assert api.get(path, headers={"If-None-Match": etag}).status_code == 304


def test_a_state_that_was_sent_before_is_not_drawn_again(event: Event, api: Client) -> None:
    path = f"/api/events/{event.id}/seats"
    first = api.get(path)
    with CaptureQueriesContext(connection) as again:
        second = api.get(path)
    assert second.content == first.content
    assert len(again) == 5
    hold(event, "A-1")
    assert api.get(path).json()["seats"][0]["status"] == "reserved"


def test_a_map_that_changes_while_it_is_drawn_is_kept_under_its_own_name(
    event: Event, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/events/{event.id}/seats"
    whole = selectors.seat_map

    def meanwhile(*about: Any) -> Any:
        Seat.objects.filter(label="A-1").update(status="sold")
        return whole(*about)

    monkeypatch.setattr(selectors, "seat_map", meanwhile)
    between = api.get(path)
    monkeypatch.setattr(selectors, "seat_map", whole)
    Seat.objects.filter(label="A-1").update(status="available")
    assert api.get(path, headers={"If-None-Match": between["ETag"]}).json()["seats"][0]["status"] == "available"


def test_a_map_travels_packed_for_who_can_unpack_it(api: Client, db: None) -> None:
    event = make_event(SectionPlan(name="Galería", rows=40, seats=60))
    path = f"/api/events/{event.id}/seats"
    plain, packed = api.get(path), api.get(path, headers={"Accept-Encoding": "gzip, deflate, br"})
    assert gzip.decompress(packed.content) == plain.content
    assert (packed["Content-Encoding"], packed["ETag"]) == ("gzip", plain["ETag"])
    assert len(packed.content) * 8 < len(plain.content)
    assert "Accept-Encoding" in plain["Vary"]


@pytest.mark.parametrize(
    "path", ["/api/events", "/api/events/{}", "/api/events/{}/seats", "/api/events/{}/seats/states"]
)
def test_what_everybody_sees_may_be_kept_by_our_nginx(event: Event, api: Client, settings: Any, path: str) -> None:
    assert "X-Accel-Expires" not in api.get(path.format(event.id))
    settings.BEHIND_PROXY = True
    answer = api.get(path.format(event.id))
    assert answer["X-Accel-Expires"] == "1"
    assert not answer.cookies
    assert "X-Accel-Expires" not in api.get("/api/events/99999/seats")


def test_what_one_buyer_sees_is_never_kept(event: Event, api: Client, settings: Any) -> None:
    settings.BEHIND_PROXY = True
    code = hold(event, "A-1").reservation.code
    for path in (f"/api/reservations/{code}", "/health", "/api/instance", "/admin/login/"):
        assert "X-Accel-Expires" not in api.get(path)


def test_the_states_are_a_letter_a_seat_in_the_order_of_their_ids(event: Event, api: Client) -> None:
    hold(event, "A-2")
    Seat.objects.filter(label="A-3").update(status="blocked")
    Seat.objects.filter(label="A-4").update(status="sold")
    path = f"/api/events/{event.id}/seats/states"
    answer = api.get(path)
    assert answer.json()["states"] == "arrs" + "a" * 20
    assert api.get(path, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    Seat.objects.filter(label="A-4").update(status="available")
    again = api.get(path, headers={"If-None-Match": answer["ETag"]})
    assert again.json()["states"] == "arra" + "a" * 20


def test_the_states_of_2400_seats_take_two_queries(api: Client, db: None) -> None:
    event = make_event(SectionPlan(name="Galería", rows=40, seats=60))
    with CaptureQueriesContext(connection) as queries:
        answer = api.get(f"/api/events/{event.id}/seats/states")
    assert len(answer.json()["states"]) == 2400
    assert len(queries) == 2


def test_a_map_of_2400_seats_takes_as_many_queries_as_a_small_one(event: Event, api: Client) -> None:
    large = make_event(SectionPlan(name="Galería", rows=40, seats=60))
    found = []
    for each in (event, large):
        with CaptureQueriesContext(connection) as queries:
            api.get(f"/api/events/{each.id}/seats")
        found.append(len(queries))
    assert found[0] == found[1] <= 6


def databases(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(selectors, "settings", SimpleNamespace(DATABASES=dict.fromkeys(names)))


def test_when_the_replica_does_not_answer_the_primary_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    databases(monkeypatch, "default", "replica")
    asked: list[str | None] = []

    def read(using: str | None) -> str:
        asked.append(using)
        if using is None:
            raise OperationalError("the replica is gone")
        return "found"

    assert selectors.catalogue(read) == "found"
    assert asked == [None, "default"]


def test_without_a_replica_a_lost_database_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    databases(monkeypatch, "default")

    def read(using: str | None) -> str:
        raise OperationalError("gone")

    with pytest.raises(OperationalError):
        selectors.catalogue(read)


@pytest.fixture
def primary_away(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A read that finds only the replica; what it asked is in its `asked`."""
    monkeypatch.setattr(selectors, "_away_until", {})
    asked: list[str] = []

    def read(using: str) -> str:
        asked.append(using)
        if using == "default":
            raise OperationalError("no primary")
        return using

    read.asked = asked  # type: ignore[attr-defined]
    return read


def test_while_the_primary_is_away_seats_are_shown_from_the_replica(
    primary_away: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases(monkeypatch, "default", "replica")
    assert [selectors.displayed(primary_away), selectors.displayed(primary_away)] == ["replica", "replica"]
    # The second page did not wait for it.
    assert primary_away.asked == ["default", "replica", "replica"]


def test_a_primary_that_is_back_is_asked_again(primary_away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    databases(monkeypatch, "default", "replica")
    selectors.displayed(primary_away)
    monkeypatch.setitem(selectors._away_until, "default", time.monotonic())
    assert selectors.displayed(lambda using: using) == "default"


def test_without_a_replica_nothing_stands_in_for_the_primary(
    primary_away: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases(monkeypatch, "default")
    with pytest.raises(OperationalError):
        selectors.displayed(primary_away)
