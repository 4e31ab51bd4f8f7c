"""The locks as PostgreSQL sees them: outbox rows, the buyer, reservations, seats; each kind in id order."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from middleware_worker.contract.messages import Answer, TicketState
from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.services import settle
from reservations_site.events.models import Event
from reservations_site.events.services import block_seats
from reservations_site.events.tests.factories import hold, seat_ids
from reservations_site.reservations.endings import ask_to_end
from reservations_site.reservations.services import reserve_best

pytestmark = pytest.mark.postgresql
LOCK = re.compile(
    r'^SELECT "(?P<table>\w+)"\."id"'
    r'.* ORDER BY (?:1|"(?P=table)"\."id")(?: ASC)?(?: LIMIT \d+)?'
    r' FOR (?:NO KEY )?UPDATE(?: OF "(?P<of>\w+)")?'
)


def locks_of(queries: CaptureQueriesContext) -> list[str]:
    """The tables that were locked in id order, in the order of locking; a lock in any other order is shown raw."""
    found = []
    for query in queries.captured_queries:
        sql = query["sql"]
        if "pg_advisory_xact_lock_shared" in sql:
            found.append("fence")
        elif "pg_advisory_xact_lock" in sql:
            found.append("buyer")
        elif " UPDATE" in sql and " FOR " in sql:
            match = LOCK.match(sql)
            found.append(match["table"] if match and match["of"] in (None, match["table"]) else sql)
    return found


def test_reserving_locks_the_buyer_and_then_the_seats(event: Event, plainly: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        hold(event, "B-1", "A-2", "A-1")
    assert locks_of(queries) == ["buyer", "events_seat"]


def test_seats_are_locked_in_id_order_whatever_the_request_says(event: Event, plainly: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        hold(event, "B-1", "A-2", "A-1")
    (sql,) = [query["sql"] for query in queries.captured_queries if "FOR NO KEY UPDATE" in query["sql"]]
    assert 'ORDER BY 1 ASC FOR NO KEY UPDATE OF "events_seat"' in sql
    assert sql.startswith('SELECT "events_seat"."id"')
    assert " JOIN " not in sql


def test_best_available_locks_in_the_same_order_and_passes_over_what_others_hold(event: Event) -> None:
    with CaptureQueriesContext(connection) as queries:
        reserve_best(event_id=event.id, quantity=3, rut=1, caller="public", by="t")
    assert locks_of(queries) == ["buyer", "events_seat"]
    assert any("SKIP LOCKED" in query["sql"] for query in queries.captured_queries)


def test_settling_locks_outbox_rows_then_the_fence_then_reservations_then_seats(event: Event) -> None:
    booking = hold(event, "A-1", "A-2")
    states = [TicketState(id=line.ticket_id, status="PAID", generation=1, n=1) for line in booking.lines]
    answer = Answer(id=str(OutboxMessage.objects.get().id), result="done", tickets=states)
    with CaptureQueriesContext(connection) as queries:
        settle([answer])
    assert locks_of(queries) == ["outbox_outboxmessage", "fence", "reservations_reservation", "events_seat"]


def test_asking_to_end_locks_the_reservation_alone(event: Event) -> None:
    reservation = hold(event, "A-1").reservation
    with CaptureQueriesContext(connection) as queries:
        ask_to_end(reservation=reservation, reason="cancelled_by_buyer", by="t")
    assert locks_of(queries) == ["reservations_reservation"]


def test_blocking_locks_seats_in_id_order(event: Event) -> None:
    with CaptureQueriesContext(connection) as queries:
        block_seats(event=event, seat_ids=seat_ids(event, "C-3", "A-1"), by="t")
    assert locks_of(queries) == ["events_seat"]


def test_a_reservation_takes_few_statements(event: Event, plainly: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        hold(event, "A-1", "A-2", "A-3")
    # The test's own look-up of the ids is one of them.
    assert len(queries) <= 11


def test_a_refusal_of_a_taken_seat_takes_no_lock(event: Event, plainly: None) -> None:
    hold(event, "A-1")
    with CaptureQueriesContext(connection) as queries, pytest.raises(Exception, match="no disponible"):
        hold(event, "A-1", rut=2)
    assert locks_of(queries) == []
    assert len(queries) <= 2
