"""Two clusters behind one site: each event is sold where it lives, and one that is away takes no other with it.

The second one is a schema of its own in the tests' database.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

from middleware_worker.outbox import closing
from middleware_worker.outbox.models import OutboxMessage
from reservations_site import clusters
from reservations_site.events.models import Event
from reservations_site.events.tests.factories import hold, make_event, seat_ids, statuses
from reservations_site.healing import fence
from reservations_site.reservations import services
from reservations_site.reservations.models import Line, Reservation
from reservations_site.reservations.selectors import Booking

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "cluster_1"]), pytest.mark.postgresql]
HEALING = "/api/internal/healing/"


@pytest.fixture(scope="module", autouse=True)
def _second(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Any]]:
    """Another schema with all tables, whose ids begin in the second span."""
    config = connections.settings["default"]
    options = f"{config['OPTIONS']['options']} -c search_path=second"
    second = config | {"OPTIONS": config["OPTIONS"] | {"options": options}}
    with django_db_blocker.unblock(), override_settings(CLUSTER=1, CLUSTER_ALIASES=["cluster_1"]):
        with connections["default"].cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS second CASCADE")
            cursor.execute("CREATE SCHEMA second")
        connections.settings["cluster_1"] = second
        with clusters.on(1, healing=True):
            # As in a process that works on this cluster alone.
            connections["default"].alias = "default"
            call_command("migrate", verbosity=0)
            connections["default"].alias = "cluster_1"
        connections["cluster_1"].close()
    yield second
    with django_db_blocker.unblock():
        forget()
        with connections["default"].cursor() as cursor:
            cursor.execute("DROP SCHEMA second CASCADE")


def forget() -> None:
    connections["cluster_1"].close()
    del connections["cluster_1"], connections.settings["cluster_1"]


@pytest.fixture(autouse=True)
def _two_clusters(settings: Any, transactional_db: None) -> None:
    settings.CLUSTER_ALIASES = ["cluster_1"]
    settings.CLOSED_BY_THEMSELVES = ("/api/reserv", "/api/events", "/api/internal/")
    clusters._away.clear()
    clusters._places.cache_clear()
    with connections["cluster_1"].cursor() as cursor:
        # The router keeps pytest-django from doing it: by itself a cluster's tables are no business of this process.
        made = [name for name in connections["cluster_1"].introspection.table_names(cursor) if "migration" not in name]
        cursor.execute(f"TRUNCATE {', '.join(made)}")


@pytest.fixture
def here(db: None) -> Event:
    return make_event(name="Aquí")


@pytest.fixture
def there(db: None) -> Event:
    with clusters.on(1):
        return make_event(name="Allá")


@pytest.fixture
def away(_second: dict[str, Any], transactional_db: None) -> Iterator[None]:
    """The second cluster does not answer."""
    forget()
    connections.settings["cluster_1"] = _second | {"PORT": 9}
    yield
    forget()
    connections.settings["cluster_1"] = _second


def of(event: Event, *labels: str) -> list[int]:
    with clusters.serving(event.id):
        return seat_ids(event, *labels)


def held(event: Event, label: str, **options: Any) -> Booking:
    with clusters.serving(event.id):
        return hold(event, label, **options)


def reserve(api: Client, *seats: int, rut: int = 7) -> Any:
    body = {"seat_ids": list(seats), "rut": rut}
    return api.post("/api/reservations", body, content_type="application/json")


def messages(*lines: Line) -> dict[str, Any]:
    states = [{"id": line.ticket_id, "status": "PAID", "generation": 1, "n": 2} for line in lines]
    common = {"type": "ticket.status", "order": "TF-1"}
    sent = [common | {"id": str(uuid.uuid4()), "tickets": [state]} for state in states]
    return {"messages": sent}


def test_ids_of_a_cluster_lie_in_its_span(here: Event, there: Event) -> None:
    (first,), (second,) = of(here, "A-1"), of(there, "A-1")
    assert here.id < clusters.SPAN < there.id
    assert first < clusters.SPAN < second
    assert held(there, "A-1").reservation.id > clusters.SPAN


@pytest.mark.parametrize("path", ["/api/reserve", "/api/reservations"])
def test_a_seat_is_sold_where_it_lives(here: Event, there: Event, api: Client, path: str) -> None:
    for event in (here, there):
        (seat,) = of(event, "A-1")
        body = {"seat_id": seat, "user_id": 7} if path == "/api/reserve" else {"seat_ids": [seat], "rut": 7}
        assert [api.post(path, body, content_type="application/json").status_code for _time in range(2)][1] == 409
        with clusters.serving(event.id):
            assert statuses(event, "A-1") == ["reserved"]
            assert Reservation.objects.filter(event_id=event.id).count() == OutboxMessage.objects.count() >= 1
        with clusters.on(0 if event is there else 1):
            assert not Reservation.objects.filter(event_id=event.id).exists()


def test_the_best_seats_and_a_booking_by_its_code(here: Event, there: Event, api: Client) -> None:
    for event in (here, there):
        body = {"event_id": event.id, "quantity": 2, "rut": 7}
        made = api.post("/api/reservations", body, content_type="application/json").json()
        assert made["event"]["name"] == event.name
        assert api.get(f"/api/reservations/{made['code'].lower()}").json()["code"] == made["code"]
        assert api.delete(f"/api/reservations/{made['code']}").json()["status"] == "cancelling"
    assert api.get("/api/reservations/TF-0000-0000-0000").status_code == 404


def test_seats_of_two_clusters_are_of_two_events(here: Event, there: Event, api: Client) -> None:
    assert reserve(api, *of(here, "A-1"), *of(there, "A-1")).json()["code"] == "several_events"


def test_one_cluster_inside_another(here: Event, there: Event) -> None:
    with clusters.on(1), clusters.on(0):
        assert Event.objects.filter(id=here.id).exists()
        with clusters.on(1):
            assert Event.objects.filter(id=there.id).exists()
        assert Event.objects.filter(id=here.id).exists()
    assert Event.objects.filter(id=here.id).exists()


def test_an_id_of_no_cluster_is_unknown(here: Event, api: Client) -> None:
    assert reserve(api, 7 * clusters.SPAN).json()["code"] == "unknown_seat"
    assert api.get(f"/api/events/{7 * clusters.SPAN}").json()["code"] == "unknown_event"


def test_what_is_looked_at(here: Event, there: Event, api: Client) -> None:
    assert {row["name"] for row in api.get("/api/events").json()["events"]} == {"Aquí", "Allá"}
    for event in (here, there):
        assert api.get(f"/api/events/{event.id}").json()["name"] == event.name
        assert len(api.get(f"/api/events/{event.id}/seats").json()["seats"]) == 24
        assert api.get(f"/api/events/{event.id}/seats/states").json()["states"] == "a" * 24
        assert api.get(f"/api/events/{event.id}/room").json()["code"] == "no_room"


def test_billings_words_find_their_cluster(here: Event, there: Event, worker: Client) -> None:
    lines = [held(event, "A-1").lines[0] for event in (here, there)]
    answers = worker.post("/api/internal/messages", messages(*lines), content_type="application/json").json()["answers"]
    assert [answer["result"] for answer in answers] == ["done", "done"]
    for event in (here, there):
        with clusters.serving(event.id):
            assert statuses(event, "A-1") == ["sold"]


def test_receipts_find_their_cluster(here: Event, there: Event, worker: Client) -> None:
    receipts = []
    for event in (here, there):
        code = held(event, "A-1").reservation.code
        with clusters.serving(event.id):
            receipts.append({"id": str(OutboxMessage.objects.get(aggregate=code).id), "result": "done", "tickets": []})
    answer = worker.post("/api/internal/receipts", {"receipts": receipts}, content_type="application/json")
    assert answer.json() == {"settled": 2}


def test_rejected_rows_of_all_clusters(there: Event, worker: Client) -> None:
    code = held(there, "A-1").reservation.code
    with clusters.on(1):
        row = OutboxMessage.objects.get(aggregate=code)
        OutboxMessage.objects.filter(id=row.id).update(state=OutboxMessage.State.REJECTED)
    assert str(row.id) in {one["id"] for one in worker.get("/api/internal/outbox").json()["dead_letters"]}
    replayed = worker.post(f"/api/internal/outbox/{row.id}/replay", {"by": "x"}, content_type="application/json")
    assert replayed.json()["result"] == "replayed"


@pytest.mark.usefixtures("away")
class TestAway:
    """The second one does not answer."""

    @pytest.fixture(autouse=True)
    def _waits_for_nothing(self, settings: Any) -> None:
        settings.FAILOVER_WAIT_SECONDS = 0.1

    def test_the_first_sells_on_and_the_other_says_come_again(self, here: Event, api: Client) -> None:
        assert reserve(api, *of(here, "A-1")).status_code == 201
        answer = reserve(api, clusters.SPAN + 1)
        assert (answer.status_code, answer["Retry-After"]) == (503, "2")
        assert api.get(f"/api/events/{clusters.SPAN + 1}").status_code == 503
        assert api.get("/health").status_code == 200

    def test_it_is_not_asked_again_at_once(self, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        assert reserve(api, clusters.SPAN + 1).status_code == 503
        asked = []
        monkeypatch.setattr(services, "_reserve_seats", lambda *call, **options: asked.append(call))
        assert reserve(api, clusters.SPAN + 1).status_code == 503
        assert not asked

    def test_the_list_has_the_others_events_alone(self, here: Event, api: Client) -> None:
        assert [row["name"] for row in api.get("/api/events").json()["events"]] == ["Aquí"]

    def test_a_code_that_is_found_is_shown_and_no_other_is_called_unknown(self, here: Event, api: Client) -> None:
        code = held(here, "A-1").reservation.code
        assert api.get(f"/api/reservations/{code}").status_code == 200
        assert api.get("/api/reservations/TF-0000-0000-0000").status_code == 503

    def test_words_about_tickets_that_may_be_there_are_asked_for_again(self, here: Event, worker: Client) -> None:
        (line,) = held(here, "A-1").lines
        other = Line(ticket_id=f"TF-{uuid.uuid4().hex}")
        sent = messages(line, other)
        answers = worker.post("/api/internal/messages", sent, content_type="application/json").json()["answers"]
        assert [answer["result"] for answer in answers] == ["done", "retry"]
        assert statuses(here, "A-1") == ["sold"]

    def test_receipts_are_settled_where_they_can_be_and_come_again(self, here: Event, worker: Client) -> None:
        code = held(here, "A-1").reservation.code
        row = OutboxMessage.objects.get(aggregate=code)
        receipts = {"receipts": [{"id": str(row.id), "result": "done", "tickets": []}]}
        answer = worker.post("/api/internal/receipts", receipts, content_type="application/json")
        assert answer.status_code == 503
        row.refresh_from_db()
        assert row.state == OutboxMessage.State.RECEIPTED


def test_a_cluster_that_heals_is_closed_alone(here: Event, there: Event, api: Client) -> None:
    with clusters.on(1):
        closing.close(reason="test")
    assert reserve(api, *of(here, "A-1")).status_code == 201
    assert reserve(api, clusters.SPAN + 1).status_code == 503
    assert api.get(f"/api/events/{there.id}/seats").status_code == 503


def test_the_first_one_too(here: Event, there: Event, api: Client, worker: Client) -> None:
    (line,), (other,) = held(here, "A-1").lines, held(there, "A-1").lines
    closing.close(reason="test")
    body = {"seat_id": of(there, "A-2")[0], "user_id": 8}
    assert api.post("/api/reserve", body, content_type="application/json").status_code == 200
    assert reserve(api, *of(there, "A-3")).status_code == 201
    assert reserve(api, 1).status_code == 503
    assert [row["name"] for row in api.get("/api/events").json()["events"]] == ["Allá"]
    answers = worker.post("/api/internal/messages", messages(line, other), content_type="application/json").json()
    assert [answer["result"] for answer in answers["answers"]] == ["retry", "done"]


def test_one_that_hangs_leaves_a_thread_to_the_others(
    here: Event, there: Event, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "PLACE_SECONDS", 0.01)
    places = clusters._places(1)
    while places.acquire(blocking=False):
        pass
    assert reserve(api, clusters.SPAN + 1).status_code == 503
    monkeypatch.setattr(clusters, "_places", None)
    assert reserve(api, clusters.SPAN + 1).status_code == 503
    monkeypatch.undo()
    assert reserve(api, *of(here, "A-1")).status_code == 201


def test_it_is_asked_again_by_one_caller_and_then_by_all(
    there: Event, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    clusters._away[1] = 0.0
    seats = of(there, "A-1", "A-2")
    assert not clusters._away
    clusters._away[1] = 0.0
    assert [reserve(api, seat).status_code for seat in seats] == [201, 201]


def test_an_event_under_another_clusters_number_is_not_listed(here: Event, there: Event, api: Client) -> None:
    with clusters.on(1):
        Event.objects.create(id=here.id + 1, name="Sin número", venue=there.venue, starts_at=there.starts_at,
                             sales_open_at=there.sales_open_at, status="published")  # fmt: skip
    assert {row["name"] for row in api.get("/api/events").json()["events"]} == {"Aquí", "Allá"}


def test_billing_heals_all_clusters(here: Event, there: Event, billing: Client) -> None:
    codes = [held(event, "A-1").reservation.code for event in (here, there)]
    with clusters.on(1):
        closing.close(reason="test")
    found = billing.get(f"{HEALING}orders", {"limit": 200}).json()["orders"]
    assert [one["order"]["order"] for one in found if one["order"]["order"] in codes] == codes
    assert billing.get(f"{HEALING}orders", {"limit": 1}).json()["orders"][0]["order"]["order"] == codes[0]
    assert billing.get(f"{HEALING}orders", {"after": found[-1]["cursor"]}).json() == {"orders": []}
    asked = {"codes": [*codes, "TF-0000-0000-0000"]}
    unknown = billing.post(f"{HEALING}unknown", asked, content_type="application/json").json()
    assert unknown == {"unknown": ["TF-0000-0000-0000"]}
    billing.post(f"{HEALING}fence", {"generation": 7}, content_type="application/json")
    for number in range(2):
        with clusters.on(number, healing=True):
            assert fence.lowest() == 7
            fence.Fence.objects.all().delete()
