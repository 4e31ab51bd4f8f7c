"""A reservation that meets a fail-over: it waits, runs again under its key, and is made once."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import Client

from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.postgresql.base import DatabaseWrapper as PostgreSQL
from middleware_worker.outbox.transactions import NotReplicated, confirm_replicated
from middleware_worker.tests.proxy import Proxy
from reservations_site.events.models import Event
from reservations_site.events.tests.factories import hold, seat_ids, statuses
from reservations_site.reservations import failover
from reservations_site.reservations.models import Reservation

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

WARN = "DO $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication' USING ERRCODE = '57014'; END $$"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """The site's connection leads through it."""
    used = connection.settings_dict
    before = used["HOST"], used["PORT"]
    found = Proxy(f"postgres://{used['HOST'] or '127.0.0.1'}:{used['PORT'] or 5432}")
    connection.close()
    used["HOST"], used["PORT"] = "127.0.0.1", str(found.url.rpartition(":")[2])
    yield found
    used["HOST"], used["PORT"] = before
    connection.close()
    found.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens during each pause, in order; a pause for which nothing is left fails."""
    planned: list[Callable[[], object]] = []
    monkeypatch.setattr(failover, "_pause", lambda _seconds: planned.pop(0)())
    return planned


def reserve(api: Client, event: Event, *labels: str, **headers: str) -> Any:
    body = {"seat_ids": seat_ids(event, *labels), "rut": 12_345_678}
    return api.post("/api/reservations", body, content_type="application/json", headers=headers)


def test_a_refused_connection_is_waited_for(
    api: Client, event: Event, both_ways: str, proxy: Proxy, pauses: Any
) -> None:
    ids = seat_ids(event, "A-1")
    pauses += [lambda: None, proxy.allow]
    connection.close()
    proxy.refuse()
    answer = api.post("/api/reservations", {"seat_ids": ids, "rut": 1_000_005}, content_type="application/json")
    assert (answer.status_code, pauses, statuses(event, "A-1")) == (201, [], ["reserved"])


def test_a_connection_that_is_cut_is_made_anew(
    api: Client, event: Event, both_ways: str, proxy: Proxy, pauses: Any
) -> None:
    pauses.append(lambda: None)
    ids = seat_ids(event, "A-1")
    proxy.cut()
    answer = api.post("/api/reservations", {"seat_ids": ids, "rut": 1_000_005}, content_type="application/json")
    assert answer.status_code == 201
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "mine"}])
def test_a_commit_whose_answer_was_lost_is_found_by_the_key(
    api: Client, event: Event, both_ways: str, pauses: Any, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    lost = []

    def commit_and_lose(self: Any) -> None:
        (made,) = self.connection.execute("SELECT count(*) FROM reservations_reservation").fetchone()
        self.connection.rollback()
        if made and not lost:
            lost.append(True)
            raise NotReplicated("the answer is lost")

    monkeypatch.setattr(PostgreSQL, "raise_if_cut_short", commit_and_lose)
    pauses.append(lambda: None)
    answer = reserve(api, event, "A-1", "A-2", **headers)
    assert (answer.status_code, lost, pauses) == (201, [True], [])
    assert answer.json()["code"] == Reservation.objects.get().code
    assert OutboxMessage.objects.count() == 1


def test_a_demoted_primary_is_left_for_the_new_one(api: Client, event: Event, both_ways: str, pauses: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    pauses.append(lambda: None)
    assert reserve(api, event, "A-1").status_code == 201


def test_a_cancel_waits_as_well(api: Client, event: Event, pauses: Any) -> None:
    code = hold(event, "A-1").reservation.code
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    pauses.append(lambda: None)
    assert api.delete(f"/api/reservations/{code}").status_code == 202


def test_past_the_bound_it_is_503_and_nothing_is_reserved(api: Client, event: Event, settings: Any) -> None:
    settings.FAILOVER_WAIT_SECONDS = 0
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    answer = reserve(api, event, "A-1")
    connection.close()
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert statuses(event, "A-1") == ["available"]


def test_when_all_places_to_wait_are_taken_it_is_503_at_once(api: Client, event: Event, pauses: Any) -> None:
    places = failover._places()
    taken = 0
    while places.acquire(blocking=False):
        taken += 1
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        assert (reserve(api, event, "A-1").status_code, taken > 0) == (503, True)
    finally:
        for _place in range(taken):
            places.release()
        connection.close()


def test_a_commit_that_was_not_replicated_is_no_success(event: Event) -> None:
    with pytest.raises(NotReplicated), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WARN)


def test_a_refusal_is_no_failover(api: Client, event: Event, pauses: Any) -> None:
    hold(event, "A-1")
    assert reserve(api, event, "A-1").status_code == 409


def test_what_is_found_by_its_key_is_not_told_before_it_is_replicated(
    api: Client, event: Event, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is visible on this server, but a fail-over may still take it back."""
    settings.FAILOVER_WAIT_SECONDS = 0
    first = reserve(api, event, "A-1", **{"Idempotency-Key": "k"})

    def never_confirmed() -> None:
        raise NotReplicated("no standby")

    from reservations_site.reservations import idempotency

    monkeypatch.setattr(idempotency, "confirm_replicated", never_confirmed)
    assert reserve(api, event, "A-1", **{"Idempotency-Key": "k"}).status_code == 503
    monkeypatch.setattr(idempotency, "confirm_replicated", confirm_replicated)
    assert reserve(api, event, "A-1", **{"Idempotency-Key": "k"}).json()["code"] == first.json()["code"]


def test_nothing_is_run_again_inside_a_transaction(event: Event, pauses: Any) -> None:
    runs = []

    def lost(again: bool) -> None:
        runs.append(again)
        raise OperationalError("gone")

    with pytest.raises(OperationalError), transaction.atomic():
        failover.through_failover(lost)
    assert runs == [False]


@pytest.mark.parametrize(
    ("sqlstate", "text", "passes"),
    [
        ("XX000", "cannot assign TransactionIds during recovery", True),
        ("XX000", "unexpected chunk number", False),
        ("40001", "canceling statement due to conflict with recovery", True),
        ("57014", "canceling statement due to statement timeout", False),
    ],
)
def test_what_a_server_says_that_is_no_primary_any_more(sqlstate: str, text: str, passes: bool) -> None:
    error = DatabaseError(text)
    error.__cause__ = psycopg.errors.lookup(sqlstate)(text)

    assert failover.is_failover(error) is passes
