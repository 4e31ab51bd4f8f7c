"""The seven invariants of the system, checked from outside over both databases.

`always()` must hold at any moment, `at_rest()` when everything has been carried. Each returns sentences
that say what is broken; an empty list is health. docs/architecture.md names the invariants.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import MySQLdb
import psycopg

LIVE_LINE = ("held", "confirmed")
LIVE_TICKET = ("PENDING_PAYMENT", "PAID", "USED")
KEPT = ("PAID", "USED")

LINES = """
    select line.ticket_id, line.status, line.seat_id, seat.status, reservation.code
    from reservations_line line
    join events_seat seat on seat.id = line.seat_id
    join reservations_reservation reservation on reservation.id = line.reservation_id
"""
SEATS = "select id, status from events_seat where status in ('reserved', 'sold')"
TICKETS = """
    select ticket.external_id, ticket.status, ticket.seat_id, ticket.price
    from tickets_ticket ticket join tickets_order o on o.id = ticket.order_id where o.source = 'reservations'
"""
OPEN_ROWS = "select type, aggregate, state, attempts, last_error from outbox_outboxmessage where state <> 1"
UNSETTLED = "select reference, status from payments_paymentattempt where status in ('started', 'unknown')"
REFUNDS_DUE = "select reference, status from payments_refund where status <> 'done'"
KEPT_MONEY = """
    select coalesce(sum(ticket.price), 0) from tickets_ticket ticket where ticket.status in ('PAID', 'USED')
    and exists (select 1 from payments_paymentattempt a
                where a.order_id = ticket.order_id and a.status = 'captured' and a.gateway <> 'demo')
"""


@contextmanager
def mariadb(url: str) -> Iterator[Any]:
    """A cursor on a mysql:// URL that sees what is committed now."""
    parts = urlsplit(url)
    connection = MySQLdb.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        passwd=unquote(parts.password or ""),
        db=parts.path.lstrip("/"),
        charset="utf8mb4",
        autocommit=True,
    )
    try:
        yield connection.cursor()
    finally:
        connection.close()


@dataclass(frozen=True)
class Databases:
    """Where the two sites keep their rows, and the gateway's ledger (SQLite) with what really was charged."""

    reservations: str
    billing: str
    ledger: Path | None = None

    def reservations_rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.reservations, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    def billing_rows(self, sql: str) -> list[tuple[Any, ...]]:
        with mariadb(self.billing) as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def charged(self) -> int:
        """Pesos captured minus refunded, by the gateway's own ledger."""
        if self.ledger is None:
            return 0
        with sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True) as connection:
            captured = connection.execute(
                "select coalesce(sum(amount), 0) from charge where outcome = 'captured'"
            ).fetchone()[0]
            refunded = connection.execute(
                "select coalesce(sum(amount), 0) from refund where outcome = 'captured'"
            ).fetchone()[0]
        return int(captured) - int(refunded)


def always(databases: Databases) -> list[str]:
    """What is broken of invariants 1, 2, 3: may be asked in the middle of any fault."""
    # Billing first: a ticket that is PAID here must have its seat in the later look at reservations.
    tickets = databases.billing_rows(TICKETS)
    lines = databases.reservations_rows(LINES)
    by_ticket = {ticket: (line, seat_id, seat, code) for ticket, line, seat_id, seat, code in lines}
    broken = []
    for seat_id, count in Counter(seat_id for _t, line, seat_id, _s, _c in lines if line in LIVE_LINE).items():
        if count > 1:
            broken.append(f"1: seat {seat_id} has {count} live reservations")
    for seat_id, count in Counter(seat for _t, status, seat, _p in tickets if status in LIVE_TICKET).items():
        if count > 1:
            broken.append(f"1: seat {seat_id} has {count} live tickets")
    for ticket, status, seat_id, _price in tickets:
        found = by_ticket.get(ticket)
        if found is None:
            broken.append(f"2: ticket {ticket} has no reservation")
        elif status in KEPT and (
            found[1] != seat_id or found[2] not in ("reserved", "sold") or found[0] not in LIVE_LINE
        ):
            # A refund between the two looks is no fault: look again at this ticket alone.
            now = {row[0]: row[1] for row in databases.billing_rows(TICKETS)}[ticket]
            if now in KEPT:
                broken.append(f"2: ticket {ticket} is {status}, its seat {seat_id} is {found}")
    return broken


def at_rest(databases: Databases) -> list[str]:
    """What is broken of all invariants, when nothing is left to carry."""
    tickets = databases.billing_rows(TICKETS)
    lines = databases.reservations_rows(LINES)
    status_of = {ticket: status for ticket, status, _s, _p in tickets}
    broken = always(databases) + unfinished(databases)
    live = {seat_id for _t, line, seat_id, _s, _c in lines if line in LIVE_LINE}
    taken = {seat_id for seat_id, _status in databases.reservations_rows(SEATS)}
    broken += [f"3: seat {seat} is taken without a live reservation" for seat in taken - live]
    broken += [f"3: seat {seat} has a live reservation and is free" for seat in live - taken]
    for ticket, line, seat_id, seat, code in lines:
        status = status_of.get(ticket)
        if status is None:
            broken.append(f"6: {code} has no ticket {ticket} in billing")
        elif status in KEPT and (line != "confirmed" or seat != "sold"):
            broken.append(f"6: ticket {ticket} is {status}, its line is {line}, seat {seat_id} is {seat}")
        elif status in ("REFUNDED", "EXPIRED") and line != "released":
            broken.append(f"3: ticket {ticket} is {status}, its line is {line}")
    kept = int(databases.billing_rows(KEPT_MONEY)[0][0])
    if databases.ledger is not None and databases.charged() != kept:
        broken.append(f"7: the gateway holds {databases.charged()} pesos, paid tickets are worth {kept}")
    return broken


def unfinished(databases: Databases) -> list[str]:
    """What still has to be carried, settled or refunded."""
    rows = [("reservations", *row) for row in databases.reservations_rows(OPEN_ROWS)]
    rows += [("billing", *row) for row in databases.billing_rows(OPEN_ROWS)]
    left = [f"outbox of {row[0]}: {row[1]} {row[2]} state {row[3]} after {row[4]} attempts: {row[5]}" for row in rows]
    left += [f"payment {row[0]} is {row[1]}" for row in databases.billing_rows(UNSETTLED)]
    left += [f"refund {row[0]} is {row[1]}" for row in databases.billing_rows(REFUNDS_DUE)]
    return left
