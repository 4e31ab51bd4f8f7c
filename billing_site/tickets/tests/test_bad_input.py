"""Whatever is sent, the answer is JSON and never 500; and what goes wrong here is told without a trace."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from billing_site.accounts.models import Person
from billing_site.conftest import bearer, service
from billing_site.tickets.tests.factories import RUT

pytestmark = pytest.mark.django_db

BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"1e999",
    b"\xff\xfe",
    b"[" * 100_000,
    b"9" * 5000,
    b'{"rut": "\\ud800"}',
    b'{"rut": NaN}',
    b'{"code": "\\u0000"}',
    b'{"card_number": {"a": 1}}',
    b'{"password": ["x"], "token": 1}',
]
PATHS = ["/api/login", "/api/register", "/api/register/confirm", "/api/password/forgot", "/api/password/reset",
         "/api/claims", "/api/tickets/x/refund", "/api/tickets/x/check-in", "/api/orders/x/pay", "/api/tickets",
         "/api/internal/messages", "/api/internal/receipts", "/api/internal/dead-letters", "/api/health", "/health",
         "/api/internal/dead-letters/1/replay", "/api/no/such/call"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_whatever_is_sent_the_answer_is_json_and_never_500(
    api: Client, path: str, make_person: Callable[..., Person]
) -> None:
    person = make_person(RUT)
    for body in BODIES:
        for headers in ({}, service("worker"), bearer(person)):
            response = api.post(path, body, content_type="application/json", headers=headers)
            assert 400 <= response.status_code < 500 or response.status_code in (200, 202), (body[:20], headers)
            assert response["Content-Type"].startswith("application/json"), (body[:20], response.content[:80])
            assert "error" in response.json() or response.status_code < 300


@pytest.mark.parametrize(
    "query",
    ["rut=x", "rut=99999999999999999999", "rut=0", "status=paid", "page=0", "page=x", "page_size=x", "external_id=%00",
     "event=%00", "rut=1&rut=x", f"event={'x' * 500}", "external_id=%ff", "event=²", f"event={'9' * 100}"],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_never_500(api: Client, query: str) -> None:
    response = api.get(f"/api/tickets?{query}", headers=service("worker"))
    assert response.status_code in (200, 400, 404)
    assert response["Content-Type"].startswith("application/json")


def test_a_body_that_is_too_large_gets_413_in_json(api: Client) -> None:
    response = api.post("/api/login", b'"' + b"x" * 1_100_000 + b'"', content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_a_fault_of_ours_is_500_in_json_without_a_trace(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from billing_site.tickets import selectors

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(selectors, "tickets_for", broken)
    response = api.get("/api/tickets", headers=service("worker"))
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert b"secret" not in response.content


def test_another_method_gets_405_in_json(api: Client) -> None:
    response = api.delete("/api/tickets", headers=service("worker"))
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_health_and_instance_name_the_replica(api: Client, settings: Any) -> None:
    settings.INSTANCE = "billing-7"
    assert api.get("/health").json() == {"status": "healthy", "instance": "billing-7", "database": "connected"}
    found = api.get("/api/instance").json()
    assert found["instance"] == "billing-7"
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", found["timestamp"])


def test_the_schema_names_every_public_call(api: Client) -> None:
    schema = api.get("/api/schema/?format=json").json()
    expected = {"/api/tickets", "/api/tickets/{external_id}", "/api/tickets/{external_id}/check-in", "/api/login",
                "/api/orders/{code}", "/api/orders/{code}/pay", "/api/claims", "/api/register", "/api/me"}  # fmt: skip
    assert expected <= set(schema["paths"])
    assert not [path for path in schema["paths"] if "internal" in path]
    page = api.get("/api/docs/")
    assert page.status_code == 200
    assert b"<script>" not in page.content
