"""What the database itself can do: pgbench with the same writes, and with the product's own statement."""

import os
import re
import subprocess
from pathlib import Path

from deploy.local.engine import find_program
from deploy.local.servers import PostgresServer

# The product's writes and nothing else: no look, no limit a buyer, no key that is looked for.
ONE_STATEMENT = """
WITH seat AS (
    SELECT id, event_id FROM events_seat
    WHERE id = (SELECT nextval('bench_seat')) AND status = 'available' FOR NO KEY UPDATE
), taken AS (
    UPDATE events_seat SET status = 'reserved' FROM seat WHERE events_seat.id = seat.id
    RETURNING seat.id, seat.event_id
), made AS (
    INSERT INTO reservations_reservation (code, event_id, rut, name, email, caller, idempotency_key, request_digest,
                                          created_at, expires_at, ask_reason)
    SELECT 'B' || id, event_id, id % 99999999 + 1, '', '', 'bench', 'auto:' || gen_random_uuid(), repeat('0', 64),
           now(), now() + interval '10 minutes', ''
    FROM taken RETURNING id, code, event_id, rut
), line AS (
    INSERT INTO reservations_line (reservation_id, seat_id, ticket_id, price, status, ticket_status, generation,
                                   version, changed_at)
    SELECT made.id, taken.id, 'TF-' || gen_random_uuid(), 10000, 'held', '', 0, 0, now() FROM made, taken
), message AS (
    INSERT INTO outbox_outboxmessage (id, type, aggregate, payload, state, created_at, next_attempt_at, attempts,
                                      last_error)
    SELECT gen_random_uuid(), 'ticket.create', code, jsonb_build_object(
               'order', code, 'rut', rut, 'name', '', 'email', '', 'event_id', event_id, 'event', 'bench',
               'venue', 'bench', 'starts_at', now(), 'reserved_at', now(), 'expires_at', now(),
               'tickets', jsonb_build_array(jsonb_build_object(
                   'id', code, 'seat_id', event_id, 'seat', code, 'section', 'bench', 'price', 10000))),
           0, now(), now(), 0, '' FROM made
)
INSERT INTO reservations_auditentry (at, by, action, reservation_id, event_id, detail)
SELECT now(), 'rut', 'reserved', id, event_id, jsonb_build_object('seats', jsonb_build_array(code)) FROM made;
"""
FUNCTION = """
WITH next AS (SELECT nextval('bench_seat') AS seat)
SELECT take_seats_1(ARRAY[seat], ARRAY['TF-' || gen_random_uuid()], (seat % 99999999 + 1)::integer, '', '', 'rut',
                    'bench', 'auto:' || gen_random_uuid(), repeat('0', 64), 'B' || seat, gen_random_uuid(),
                    now(), NULL, 10, 30, NULL, NULL) FROM next;
"""


def reservations_a_second(
    postgres: PostgresServer, folder: Path, script: str, *, clients: int, seconds: float
) -> float:
    """pgbench's rate on the seats that the sequence bench_seat counts from here on."""
    file = folder / "limit.sql"
    file.write_text(" ".join(script.split()) + "\n")
    pgbench = find_program("pgbench", "/usr/lib/postgresql/*/bin", advice="It comes with PostgreSQL.")
    how_long = str(max(1, round(seconds)))
    argv = [pgbench, "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", how_long, "-f", str(file),
            "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "ticketflow", "reservations"]  # fmt: skip
    environment = {**os.environ, "PGPASSWORD": postgres.password}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    if "number of failed transactions: 0 " not in done.stdout:
        raise RuntimeError(f"pgbench: {done.stdout}")
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if not found:
        raise RuntimeError(f"pgbench did nothing in {how_long} s: {done.stdout}{done.stderr}")
    return float(found[1])
