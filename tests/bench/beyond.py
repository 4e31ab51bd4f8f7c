"""Beyond the limit: far more arrive than fit, and the database has grown."""

import threading
import time
import urllib.error
import urllib.request
from typing import Any

from tests.bench.load import at
from tests.bench.system import System

TIMES = 5.0
# What must get through meanwhile, and how often it is asked for.
OTHERS = {"health": "/health", "staff": "/admin/login/"}
ASKED_EVERY = 0.25
# Sold seats of events that are over, as the product writes them.
GROWN = """
WITH seat AS (SELECT id, event_id, row_number() OVER (ORDER BY id) n FROM events_seat WHERE event_id = {event}),
taken AS (
    UPDATE events_seat SET status = 'sold' FROM seat WHERE events_seat.id = seat.id AND n % 2 = 0
    RETURNING seat.id, seat.event_id
), made AS (
    INSERT INTO reservations_reservation (code, event_id, rut, name, email, caller, idempotency_key, request_digest,
                                          created_at, expires_at, ask_reason)
    SELECT 'G' || id, event_id, 90000000 + id % 9000000, '', '', 'bench', 'grown:' || id, repeat('0', 64),
           now() - interval '9 days', now() - interval '9 days', ''
    FROM taken RETURNING id, code, event_id
), line AS (
    INSERT INTO reservations_line (reservation_id, seat_id, ticket_id, price, status, ticket_status, generation,
                                   version, changed_at)
    SELECT id, substr(code, 2)::bigint, code, 10000, 'confirmed', 'PAID', 1, 1, now() FROM made
), message AS (
    INSERT INTO outbox_outboxmessage (id, type, aggregate, payload, state, created_at, next_attempt_at, attempts,
                                      last_error, receipted_at)
    SELECT gen_random_uuid(), 'ticket.create', code, jsonb_build_object('order', code, 'tickets', jsonb_build_array()),
           1, now() - interval '9 days', now(), 1, '', now() - interval '9 days' FROM made
)
INSERT INTO reservations_auditentry (at, by, action, reservation_id, event_id, detail)
SELECT now() - interval '9 days', 'rut', 'reserved', id, event_id, '{{}}' FROM made
"""
# Seats of one event; as many events as it takes.
EVENT = 50_000


class Others:
    """Asks for what must get through, in a thread, while `with` lasts."""

    def __init__(self, system: System) -> None:
        self.system, self.done = system, threading.Event()
        self.seconds: dict[str, list[float]] = {name: [] for name in OTHERS}
        self.refused: dict[str, int] = dict.fromkeys(OTHERS, 0)

    def __enter__(self) -> "Others":
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self.done.set()
        self.thread.join()

    def _ask(self) -> None:
        while not self.done.wait(ASKED_EVERY):
            for name, path in OTHERS.items():
                began = time.perf_counter()
                try:
                    with urllib.request.urlopen(self.system.stack.url("reservations", path), timeout=20) as answer:
                        answer.read()
                except (urllib.error.URLError, OSError):
                    self.refused[name] += 1
                self.seconds[name].append(time.perf_counter() - began)


def overload(system: System, *, first: int, rut: int, rate: float, seconds: float) -> dict[str, dict[str, Any]]:
    """`rate` arrive each second, open loop; rows of the table: those let in, those told to come again, others."""
    with Others(system) as others:
        run = system.load(kind="distinct", first=first, rut=rut, seconds=seconds, rate=rate)
    rows = {}
    names = {"200": "let in", "503": "told to come again"}
    for status, one in sorted(run["by_status"].items()):
        name = f"{TIMES:g} × that arriving ({rate:.0f}/s): {names.get(status, status)}"
        rows[name] = one | {"statuses": {status: run["statuses"][status]}}
    for lost in {"unanswered", "lost"} & run["statuses"].keys():
        rows[f"{TIMES:g} × that arriving: {lost}"] = {
            "per_second": 0,
            **at([]),
            "statuses": {lost: run["statuses"][lost]},
        }
    for name, times in others.seconds.items():
        statuses = {"200": len(times) - others.refused[name], "failed": others.refused[name]}
        rows[f"meanwhile: {name}"] = {"per_second": len(times) / seconds, **at(times), "statuses": statuses}
    return rows


def grow(system: System, *, seats: int) -> None:
    """The database with so many seats more, half of them sold and carried."""
    for number in range(max(1, seats // EVENT)):
        _first, event = system.make_event(f"grown {number}", min(seats, EVENT), analyze=False)
        system.sql(f"UPDATE events_event SET starts_at = now() - interval '9 days' WHERE id = {event}")
        system.sql(GROWN.format(event=event))
    system.sql("VACUUM ANALYZE")
    system.sql("CHECKPOINT")
