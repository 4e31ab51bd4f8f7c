"""The HTTP front against a real RabbitMQ, with stub sites on real sockets."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from middleware_worker import broker, clients
from middleware_worker.contract.credentials import issue, parse_keys
from middleware_worker.contract.patience import Patience
from middleware_worker.gateway import api, health
from middleware_worker.tests import processes
from middleware_worker.tests.conftest import SELLER_KEY, Rabbit
from middleware_worker.tests.processes import Program
from middleware_worker.tests.proxy import Proxy
from middleware_worker.tests.stubs import StubSite

Start = Callable[[Program], Program]
TICKET = {"id": "EXT-1", "rut": 12345678, "price": 5000.00, "event": "Nombre del Evento"}


@pytest.fixture
def front(env: dict[str, str], monkeypatch: pytest.MonkeyPatch, settings: Any, rabbit: Rabbit) -> Iterator[None]:
    """The front with an environment of the test's own, and nothing kept from the test before."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings.SERVICE_KEYS = parse_keys([f"seller:{SELLER_KEY}"])
    settings.OPERATORS = ["seller"]
    settings.BROKER_WAIT_SECONDS = 0
    clients._held.__dict__.clear()
    for kept in (api._publisher, health._watch):
        kept.cache_clear()
    yield
    api.publisher().close()


def call(method: str, path: str, body: Any = None, *, key: str = SELLER_KEY, **headers: str) -> HttpResponse:
    token = issue(caller="seller", audience="middleware", key=key)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client().generic(
        method, path, content, "application/json", headers={"Authorization": f"Service {token}", **headers}
    )


def test_a_ticket_is_accepted_when_it_is_on_the_queue(front: None, rabbit: Rabbit) -> None:
    answer = call("POST", "/tickets", TICKET)
    assert (answer.status_code, answer.json()) == (202, {"id": "EXT-1", "status": "accepted"})
    with rabbit.connection.channel() as channel:
        message = channel.basic_get(broker.OUTSIDE)
        _args, kwargs, _embed = json.loads(message.body)
        channel.basic_ack(message.delivery_tag)
    assert kwargs["source"] == "outside"
    assert kwargs["messages"] == [{**TICKET, "price": 5000, "type": "ticket.outside"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**TICKET, "price": 0.5}, "price"),
        ({**TICKET, "rut": "x"}, "rut"),
        ({**TICKET, "id": "TF-1"}, "id"),
        ({**TICKET, "event": ""}, "event"),
        ({"rut": 1, "price": 1, "event": "E"}, "id"),
        ([], ""),
        (b"", ""),
        (b"not json", ""),
        (b"\xff", ""),
        (b"[" * 50_000, ""),
        (b"0" * 100_000, ""),
    ],
)
def test_a_ticket_that_cannot_be_used_is_refused_with_the_field_at_fault(body: Any, field: str, front: None) -> None:
    answer = call("POST", "/tickets", body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["error"].startswith("Datos inválidos")
    assert answer.json()["code"]


def test_the_sentence_is_english_for_those_who_ask_for_it(front: None) -> None:
    answer = call("POST", "/tickets", {}, **{"Accept-Language": "en"})
    assert answer.json()["error"] == "Invalid data in “id”"


def test_without_a_good_credential_nothing_is_taken(front: None) -> None:
    wrong = "x" * 32
    assert Client().post("/tickets", TICKET, "application/json").status_code == 401
    for path in ("/tickets", "/dead-letters/billing:1/replay", "/dead-letters/billing:1/discard"):
        answer = call("POST", path, TICKET, key=wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert call("GET", "/dead-letters", key=wrong).status_code == 401


def test_a_broker_that_cannot_be_reached_is_503_and_the_next_ticket_after_it_is_taken(
    front: None, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, rabbit: Rabbit
) -> None:
    monkeypatch.setenv("BROKER_URL", proxy.url)
    assert call("POST", "/tickets", TICKET).status_code == 202
    proxy.refuse()
    answer = call("POST", "/tickets", TICKET)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0
    proxy.allow()
    assert call("POST", "/tickets", TICKET).status_code == 202
    assert rabbit.depth(broker.OUTSIDE) == 2


def test_a_broker_that_is_back_soon_is_waited_for(
    front: None, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, rabbit: Rabbit, settings: Any
) -> None:
    settings.BROKER_WAIT_SECONDS = 30
    monkeypatch.setenv("BROKER_URL", proxy.url)
    proxy.refuse()
    back = threading.Timer(1, proxy.allow)
    back.start()
    assert call("POST", "/tickets", TICKET).status_code == 202
    back.join()
    assert rabbit.depth(broker.OUTSIDE) == 1


def test_a_process_whose_other_threads_wait_for_the_broker_answers_at_once(
    front: None, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.BROKER_WAIT_SECONDS = 600
    monkeypatch.setenv("BROKER_URL", proxy.url)
    monkeypatch.setattr(api, "_patience", lambda: Patience(0))
    proxy.refuse()
    assert call("POST", "/tickets", TICKET).status_code == 503


def test_a_broker_that_does_not_answer_is_503(
    front: None, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, rabbit: Rabbit
) -> None:
    monkeypatch.setenv("BROKER_URL", proxy.url)
    assert call("POST", "/tickets", TICKET).status_code == 202
    proxy.freeze()
    assert call("POST", "/tickets", TICKET).status_code == 503
    health_answer = Client().get("/health")
    assert (health_answer.status_code, health_answer.json()["broker"]) == (503, "unreachable")


def test_health_is_good_only_when_a_worker_answers(front: None, env: dict[str, str], start: Start) -> None:
    silent = Client().get("/health")
    assert (silent.status_code, silent.json()["worker"], silent.json()["broker"]) == (503, "silent", "connected")
    start(processes.worker(env)).wait_for("ready.")
    call("POST", "/tickets", TICKET)
    health._watch.cache_clear()
    answer = Client().get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "healthy")
    assert set(answer.json()["queues"]) == {broker.NEW_TICKET, *health.QUEUES}


def test_dead_letters_of_all_three_places_are_one_list_and_each_goes_back_to_its_own(
    front: None, billing: StubSite, reservations: StubSite
) -> None:
    billing.rules["dead-letters"] = lambda _b: (200, {"dead_letters": [{"id": 7, "received_at": "2"}]})
    billing.rules["outbox"] = lambda _b: (200, {"dead_letters": [{"id": "u-b", "received_at": "3"}]})
    reservations.rules["outbox"] = lambda _b: (200, {"dead_letters": [{"id": "u-r", "received_at": "1"}]})
    answer = call("GET", "/dead-letters").json()
    ids = ["outbox-reservations:u-r", "billing:7", "outbox-billing:u-b"]
    assert [letter["id"] for letter in answer["dead_letters"]] == ids
    assert answer["unreachable"] == []
    for site in (billing, reservations):
        site.rules["replay"] = site.rules["discard"] = lambda _b: (200, {"result": "yes"})
    for verb in ("replay", "discard"):
        for name in ids:
            changed = call("POST", f"/dead-letters/{name}/{verb}")
            assert (changed.status_code, changed.json()) == (200, {"result": "yes", "id": name})
    assert ("/api/internal/dead-letters/7/replay", {"by": "service:seller"}) in billing.calls
    assert ("/api/internal/outbox/u-b/discard", {"by": "service:seller"}) in billing.calls
    assert ("/api/internal/outbox/u-r/replay", {"by": "service:seller"}) in reservations.calls


def test_a_source_that_is_away_is_named_and_the_rest_is_listed(
    front: None, billing: StubSite, reservations: StubSite
) -> None:
    reservations.close()
    billing.rules["dead-letters"] = lambda _b: (200, {"dead_letters": [{"id": 7}]})
    billing.rules["outbox"] = lambda _b: (500, {})
    answer = call("GET", "/dead-letters").json()
    assert [letter["id"] for letter in answer["dead_letters"]] == ["billing:7"]
    assert answer["unreachable"] == ["outbox-reservations", "outbox-billing"]
    assert call("POST", "/dead-letters/outbox-reservations:1/replay").status_code == 503


def test_what_the_owner_answers_to_a_replay_is_passed_on(front: None, billing: StubSite) -> None:
    billing.rules["replay"] = lambda _b: (409, {"code": "still_unusable", "error": "No se puede usar"})
    answer = call("POST", "/dead-letters/billing:7/replay")
    assert (answer.status_code, answer.json()["code"]) == (409, "still_unusable")


@pytest.mark.parametrize("name", ["7", "elsewhere:7", "billing:", "billing:..%2F..%2Fmessages", "billing:7%3Fx"])
def test_an_id_of_no_source_is_404_and_nobody_is_asked(name: str, front: None, billing: StubSite) -> None:
    assert call("POST", f"/dead-letters/{name}/replay").status_code == 404
    assert not billing.calls


def test_who_is_no_operator_sees_no_dead_letters(front: None, settings: Any) -> None:
    settings.OPERATORS = ["operator"]
    answer = call("GET", "/dead-letters")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert call("POST", "/dead-letters/billing:7/discard").status_code == 403
    assert call("POST", "/tickets", TICKET).status_code == 202


def test_every_error_is_json_and_the_interface_documents_itself(front: None) -> None:
    for path, status in (("/nothing", 404), ("/tickets", 405), ("/tickets/", 404), ("/admin/", 404)):
        answer = call("GET", path)
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    schema = Client().get("/api/schema/").content.decode()
    assert "/dead-letters/{id}/replay" in schema
    assert Client().get("/api/docs/").status_code == 200
