"""One address may reserve so often; the portal's buyers count each for themselves."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

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
