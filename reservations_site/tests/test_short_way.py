"""The short way answers as the long way does, and leaves it whatever is not plainly good."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from middleware_worker.outbox import closing
from reservations_site import short_way
from reservations_site.events.models import Event
from reservations_site.events.tests.factories import seat_ids
from reservations_site.reservations.throttle import ReserveThrottle

RESERVE, RESERVATIONS = "/api/reserve", "/api/reservations"


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that went the short way."""
    found: list[str] = []
    whole = short_way.answer

    def answer(request: Any, *about: Any) -> HttpResponse:
        found.append(request.path)
        return whole(request, *about)

    monkeypatch.setattr(short_way, "answer", answer)
    return found


def post(client: Client, path: str, body: Any, **headers: str) -> HttpResponse:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, text, content_type="application/json", headers=headers)


def seen(answer: HttpResponse) -> Any:
    """What a program reads, without what is new each time."""
    body = json.loads(answer.content)
    for name in ("reservation", "ticket_id", "expires_at", "reserved_at", "code", "created_at"):
        body.pop(name, None) if name != "code" or "seats" in body else None
    for seat in body.get("seats", []):
        seat.pop("ticket_id"), seat.pop("seat_id"), seat.pop("seat_number"), seat.pop("number")
    assert answer["Content-Length"] == str(len(answer.content))
    return answer.status_code, answer["Content-Type"], answer.get("Retry-After"), answer.get("WWW-Authenticate"), body


# A body with the numbers of seats still to be filled in, and whether it is plainly good.
BODIES: list[tuple[str, Any, bool]] = [
    (RESERVE, {"seat_id": "A-1", "user_id": 5, "more": 1}, True),
    (RESERVE, {"seat_id": 2**70, "user_id": 5}, True),
    (RESERVE, {"seat_id": "A-1", "user_id": 100_000_000}, False),
    (RESERVE, {"seat_id": True, "user_id": 1}, False),
    (RESERVE, b'{"seat_id": 1, "user_id": 1, "x": NaN}', False),
    (RESERVE, b"[" * 60_000, False),
    (RESERVATIONS, {"seat_ids": ["A-1", "A-2"], "rut": 5, "name": "Ñandú", "email": "a.b@c.example.cl"}, True),
    (RESERVATIONS, {"seat_ids": ["A-1"] * 2, "rut": 5, "name": "", "email": ""}, True),
    (RESERVATIONS, {"seat_ids": ["A-1"], "rut": 5, "name": " Ana "}, False),
    (RESERVATIONS, {"seat_ids": ["A-1"], "rut": 5, "name": "a\x00"}, False),
    (RESERVATIONS, {"seat_ids": ["A-1"], "rut": 5, "name": "\ud800"}, False),
    (RESERVATIONS, {"seat_ids": ["A-1"], "rut": 5, "email": "a..b@c.cl"}, False),
    (RESERVATIONS, {"seat_ids": [], "rut": 5}, False),
    (RESERVATIONS, {"seat_ids": list(range(1, 12)), "rut": 5}, True),
    (RESERVATIONS, {"event_id": 10**9, "quantity": 2, "rut": 5}, False),
]


def filled(body: Any, event: Event) -> Any:
    if isinstance(body, bytes):
        return body
    ids = dict(event.seats.values_list("label", "id"))
    return {
        key: [ids.get(part, part) for part in value]
        if isinstance(value, list)
        else ids.get(value, value)
        if key == "seat_id"
        else value
        for key, value in body.items()
    }


@pytest.mark.parametrize(("path", "body", "is_good"), BODIES, ids=lambda value: str(value)[:60])
def test_both_ways_answer_the_same(
    event: Event, api: Client, taken: list[str], monkeypatch: pytest.MonkeyPatch, path: str, body: Any, is_good: bool
) -> None:
    first = [seen(post(api, path, filled(body, event))) for _time in range(2)]
    assert taken == ([path] * 2 if is_good else [])
    event.seats.update(status="available")
    from reservations_site.reservations.models import Line

    Line.objects.update(status="released")
    monkeypatch.setattr(short_way, "CALLS", {})
    assert [seen(post(api, path, filled(body, event))) for _time in range(2)] == first


def test_the_portal_and_who_is_not_known(event: Event, portal: Client, api: Client, taken: list[str]) -> None:
    (seat,) = seat_ids(event, "A-1")
    body = {"seat_ids": [seat], "rut": 5}
    assert post(portal, RESERVATIONS, body, **{"Idempotency-Key": "k"}).status_code == 201
    assert event.reservations.get().caller == "portal"
    answer = post(api, RESERVATIONS, body, Authorization="Service forged")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Service")
    assert taken == [RESERVATIONS]


def test_what_it_leaves_out_is_asked_all_the_same(
    event: Event, api: Client, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"seat_id": seat_ids(event, "A-1")[0], "user_id": 5}
    assert api.post(RESERVE, body, content_type="application/json", HTTP_HOST="elsewhere.example").status_code == 400
    closing._kept["default"].closed = True
    assert post(api, RESERVE, body).status_code == 503
    closing._kept["default"].closed = False
    monkeypatch.setattr(ReserveThrottle, "THROTTLE_RATES", {"reserve": "1/min"})
    answers = [post(api, RESERVE, body) for _time in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert 0 < int(answers[1]["Retry-After"]) <= 60
    assert taken == [RESERVE] * 2


def test_a_bug_is_answered_as_json(event: Event, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_way.api, "idempotency_key", lambda request: 1 / 0)
    answer = post(api, RESERVE, {"seat_id": 1, "user_id": 1})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


@pytest.mark.parametrize("headers", [{"Accept": "text/html"}, {"Accept": "application/json; indent=4"}])
def test_a_caller_with_a_taste_of_its_own_goes_the_long_way(
    event: Event, api: Client, taken: list[str], headers: dict[str, str]
) -> None:
    post(api, RESERVE, {"seat_id": 1, "user_id": 1}, **headers)
    assert taken == []
