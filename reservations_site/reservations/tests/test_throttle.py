"""One address may reserve so often; the portal's buyers count each for themselves."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.test import Client

from reservations_site.events.models import Event
from reservations_site.events.tests.factories import seat_ids
from reservations_site.reservations.models import Reservation
from reservations_site.reservations.throttle import ReserveThrottle


@pytest.fixture(autouse=True)
def _two_a_minute(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(ReserveThrottle, "THROTTLE_RATES", {"reserve": "2/min"})


def call(client: Client, **headers: str) -> HttpResponse:
    body = json.dumps({"seat_id": 10**9, "user_id": 1})
    return client.post("/api/reserve", body, content_type="application/json", headers=headers)


def test_the_third_call_of_an_address_is_429_with_retry_after(api: Client) -> None:
    assert [call(api).status_code for _call in range(3)] == [404, 404, 429]
    refused = call(api)
    assert refused.json()["code"] == "throttled"
    assert 0 < int(refused["Retry-After"]) <= 60


def test_an_outsider_cannot_give_itself_another_address(api: Client) -> None:
    found = [call(api, **{"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(3)]
    assert found == [404, 404, 429]


def test_behind_a_proxy_the_address_that_the_proxy_saw_counts(api: Client, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    spoofed = [call(api, **{"X-Forwarded-For": f"1.1.1.{n}, 10.0.0.1"}).status_code for n in range(3)]
    assert spoofed == [404, 404, 429]
    assert call(api, **{"X-Forwarded-For": "1.1.1.1, 10.0.0.2"}).status_code == 404


def test_each_buyer_of_the_portal_counts_alone(portal: Client) -> None:
    one = [call(portal, **{"X-Forwarded-For": "10.0.0.1"}).status_code for _call in range(3)]
    assert one == [404, 404, 429]
    assert call(portal, **{"X-Forwarded-For": "10.0.0.2"}).status_code == 404


def test_the_portals_buyer_stands_before_what_our_proxies_added(portal: Client, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    one = [call(portal, **{"X-Forwarded-For": "10.0.0.1, 172.16.0.5"}).status_code for _call in range(3)]
    assert one == [404, 404, 429]
    assert call(portal, **{"X-Forwarded-For": "10.0.0.2, 172.16.0.5"}).status_code == 404


def test_a_program_of_ours_that_names_no_buyer_is_not_limited(portal: Client) -> None:
    assert {call(portal).status_code for _call in range(5)} == {404}


def test_reading_is_not_limited(api: Client) -> None:
    assert {api.get("/api/events").status_code for _call in range(5)} == {200}


def reserve(event: Event, label: str, client: Client, path: str = "/api/reservations", **more: Any) -> HttpResponse:
    body = {"seat_ids": seat_ids(event, label), "rut": 5}
    if path == "/api/reserve":
        body = {"seat_id": seat_ids(event, label)[0], "user_id": 5}
    return client.post(path, json.dumps(body | more), content_type="application/json")


@pytest.mark.usefixtures("both_ways")
def test_a_rut_that_reserves_too_often_is_429_whichever_replica_it_asks(
    event: Event, api: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReserveThrottle, "THROTTLE_RATES", {"reserve": None})
    settings.RUT_LIMIT = 2
    found = [reserve(event, label, api).status_code for label in ("A-1", "A-2", "A-3")]
    assert found == [201, 201, 429]
    refused = reserve(event, "A-3", api, "/api/reserve")
    assert refused.json()["code"] == "throttled"
    assert 0 < int(refused["Retry-After"]) <= 60
    assert event.seats.get(label="A-3").status == "available"
    Reservation.objects.update(created_at=F("created_at") - timedelta(minutes=1))
    assert reserve(event, "A-3", api).status_code == 201


def only_persons(request: HttpRequest, *, rut: int, caller: str) -> bool:
    """A challenge such as a site may bring along."""
    assert (rut, caller) == (5, "public")
    return request.headers.get("X-Person") == "yes"


@pytest.mark.parametrize("path", ["/api/reserve", "/api/reservations"])
@pytest.mark.parametrize("more", [{}, {"name": " Ana "}], ids=["short way", "long way"])
def test_a_challenge_of_the_sites_own_stands_before_the_seats(
    event: Event, settings: Any, monkeypatch: pytest.MonkeyPatch, path: str, more: dict[str, str]
) -> None:
    monkeypatch.setattr(ReserveThrottle, "THROTTLE_RATES", {"reserve": None})
    settings.CHALLENGE = f"{__name__}.only_persons"
    refused = reserve(event, "A-1", Client(), path, **more)
    assert (refused.status_code, refused.json()["code"]) == (403, "challenge")
    assert event.seats.get(label="A-1").status == "available"
    assert reserve(event, "A-1", Client(headers={"X-Person": "yes"}), path, **more).status_code in (200, 201)
