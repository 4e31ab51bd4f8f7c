"""Health, and what every call answers while the database cannot be reached."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import InternalError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from reservations_site import health, rest


@pytest.fixture
def no_database(db: None) -> Iterator[None]:
    def refuse(self: BaseDatabaseWrapper, *args: Any, **options: Any) -> None:
        raise OperationalError("connection refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "_cursor", refuse)
        patch.setattr("middleware_worker.outbox.transactions.time.sleep", lambda seconds: None)
        yield


def test_a_healthy_site_says_so(db: None, api: Client, settings: Any) -> None:
    answer = api.get("/health")
    expected = {"status": "healthy", "instance": settings.INSTANCE, "database": "connected"}
    assert (answer.status_code, answer.json()) == (200, expected)


def test_without_a_database_health_is_503_with_its_reason(no_database: None, api: Client, settings: Any) -> None:
    answer = api.get("/health")
    expected = {"status": "unhealthy", "instance": settings.INSTANCE, "error": "La base de datos no responde"}
    assert (answer.status_code, answer.json()) == (503, expected)
    assert "Retry-After" in answer


def test_a_primary_that_was_demoted_is_not_healthy(db: None, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class ReadOnly:
        vendor = "other"

        def cursor(self) -> "ReadOnly":
            return self

        __enter__ = cursor

        def __exit__(self, *args: object) -> None: ...

        def execute(self, sql: str) -> None: ...

        def fetchone(self) -> tuple[bool]:
            return (True,)

    monkeypatch.setattr(health, "connection", ReadOnly())
    answer = api.get("/health")
    assert (answer.status_code, answer.json()["error"]) == (503, "La base de datos es de solo lectura")


@pytest.mark.parametrize(
    "path", ["/api/events", "/api/events/1", "/api/events/1/seats", "/api/reservations/TF-0000-0000-0000"]
)
def test_without_a_database_reads_are_503_with_retry_after(no_database: None, api: Client, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/reserve", {"seat_id": 1, "user_id": 1}),
        ("/api/reservations", {"seat_ids": [1], "rut": 1}),
        ("/api/reservations", {"event_id": 1, "quantity": 1, "rut": 1}),
    ],
)
def test_without_a_database_nothing_is_reserved_and_the_answer_is_503(
    no_database: None, api: Client, path: str, body: dict[str, int]
) -> None:
    answer = api.post(path, json.dumps(body), content_type="application/json", headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "Retry-After" in answer


def test_a_database_that_is_read_only_for_now_is_503() -> None:
    error = InternalError("read-only transaction")
    error.__cause__ = Exception()
    error.__cause__.sqlstate = "25006"
    answer = rest.exception_handler(error, {})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def test_the_instance_is_named_without_a_database(no_database: None, api: Client, settings: Any) -> None:
    answer = api.get("/api/instance")
    assert answer.status_code == 200
    assert answer.json()["instance"] == settings.INSTANCE
    assert answer.json()["timestamp"].startswith("20")


def test_an_error_that_nobody_foresaw_is_json(api: Client, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    def breaks() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("reservations_site.events.selectors.listed_events", breaks)
    answer = api.get("/api/events")
    assert (answer.status_code, answer.json()) == (500, {"error": "Error interno", "code": "internal"})


def test_the_schema_has_no_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    from django.core.management import call_command

    call_command("spectacular", "--validate", "--fail-on-warn")
    assert "/api/reservations/{code}" in capsys.readouterr().out


def test_the_documentation_runs_no_inline_script(db: None, api: Client) -> None:
    page = api.get("/api/docs/")
    assert page.status_code == 200
    assert "<script>" not in page.content.decode()
