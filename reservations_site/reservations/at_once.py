"""Taking seats in one statement: the function `take_seats_1` of migration 0004, called under Django's connection.

It does what `services` does statement by statement, and `tests/test_at_once.py` holds the two to the same rows and
answers. A statement is a transaction by itself, so a process that freezes or dies holds no lock.
"""

import random
import time
import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from middleware_worker.outbox.transactions import retrying_statement
from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.reservations import refusals
from reservations_site.reservations.failover import LOCK_NOT_AVAILABLE
from reservations_site.reservations.idempotency import Claim
from reservations_site.reservations.models import Line, Reservation, new_code
from reservations_site.reservations.selectors import Booking
from reservations_site.venues.models import Venue

if TYPE_CHECKING:
    from middleware_worker.outbox.postgresql.base import DatabaseWrapper

# The largest id that the database can hold; a larger one in a request is simply unknown.
LARGEST_ID = 2**63 - 1
TAKE = (
    "SELECT take_seats_1(%s::bigint[], %s::text[], %s::integer, %s::text, %s::text, %s::text, %s::text, %s::text,"
    " %s::text, %s::text, %s::uuid, %s::timestamptz, %s::interval, %s::integer, %s::integer, %s::bigint, %s::bigint)"
)
# While seats are in the hands of another transaction it is asked anew after a pause, for as long as `lock_timeout`
# lets the plain way wait; then the error goes through, and the call waits as for a fail-over.
PATIENCE_SECONDS = 2.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.05


class New(NamedTuple):
    """What is written when the seats are free; a ticket for each."""

    code: str
    created_at: datetime
    tickets: Sequence[str]


def can(wanted: Sequence[int]) -> bool:
    """Whether this database has the function, and could have seats of these ids."""
    return connection.vendor == "postgresql" and bool(wanted) and all(0 < seat <= LARGEST_ID for seat in wanted)


def take(wanted: Sequence[int], claim: Claim, *, hold: timedelta | None = None) -> Booking:
    """All of these seats, sorted and each once, or an ApiError that says why not.

    Nobody waits in the database for a seat that another transaction has in its hands: that one may yet roll back,
    so the answer is not known, and this call lets go of everything and looks again in a moment.
    """
    new = New(new_code(), timezone.now(), [f"TF-{uuid.uuid4().hex}" for _seat in wanted])
    ends, pause = time.monotonic() + PATIENCE_SECONDS, SHORTEST_PAUSE
    while True:
        try:
            answer = _ask(wanted, new, claim, hold)
        except OperationalError as error:
            if not _is_in_other_hands(error) or time.monotonic() >= ends:
                raise
        else:
            if answer["answer"] == "reserved":
                return _booking(answer, wanted, new, claim)
            return _repeat(claim) if answer["answer"] == "repeat" else _refuse(answer, wanted)
        _pause(random.uniform(pause / 2, pause))  # noqa: S311 (jitter, no secret)
        pause = min(2 * pause, LONGEST_PAUSE)


def _pause(seconds: float) -> None:
    time.sleep(seconds)


@retrying_statement
def _ask(wanted: Sequence[int], new: New, claim: Claim, hold: timedelta | None) -> dict[str, Any]:
    import psycopg  # The embedded demo has no PostgreSQL, and does not install it.

    used = cast("DatabaseWrapper", connection)
    parameters = (
        f"{{{','.join(map(str, wanted))}}}",
        f"{{{','.join(new.tickets)}}}",
        claim.rut,
        claim.name,
        claim.email,
        claim.by[:120],
        claim.caller,
        claim.key,
        claim.digest,
        new.code,
        uuid.uuid4(),
        new.created_at,
        hold,
        settings.HOLD_LIMIT,
        settings.RUT_LIMIT,
        claim.admission and claim.admission.event_id,
        claim.admission and claim.admission.place_id,
    )
    # In a transaction that is open already an error must not spoil what came before.
    with transaction.atomic() if used.in_atomic_block else nullcontext():
        # Not Django's own cursor: it puts the values into the text, so that no statement could be prepared, and it
        # would ask SELECT 1 first to know whether the connection lives. This statement finds out by itself.
        used.ensure_connection()
        with used.wrap_database_errors:
            cursor = psycopg.Cursor(used.connection)
            (answer,) = cursor.execute(TAKE, parameters, prepare=True).fetchone() or ({},)
    used.raise_if_cut_short()
    return answer  # type: ignore[no-any-return]


def _repeat(claim: Claim) -> Booking:
    if (booking := claim.earlier_run()) is None:
        raise AssertionError("a reservation is never deleted")
    return booking


def _is_in_other_hands(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == LOCK_NOT_AVAILABLE


def _refuse(answer: dict[str, Any], wanted: Sequence[int]) -> NoReturn:
    match answer["answer"]:
        case "unknown":
            known = set(answer["known"] or ())
            raise refusals.unknown_seat([seat for seat in wanted if seat not in known])
        case "several_events":
            raise refusals.several_events()
        case "taken":
            found = zip(answer["ids"], answer["labels"], answer["statuses"], strict=True)
            seats = [Seat.from_db("default", ["id", "label", "status"], values) for values in found]
            raise refusals.seats_taken([seat for seat in seats if seat.status != Seat.Status.AVAILABLE])
        case "closed":
            raise refusals.sales_closed(answer["event"])
        case "waiting_room":
            raise refusals.waiting_room(answer["event"])
        case "admission_used":
            raise refusals.admission_used()
        case "hold_limit":
            raise refusals.hold_limit(held=answer["held"], limit=settings.HOLD_LIMIT)
        case "too_often":
            raise refusals.too_often(answer["wait"])
    raise AssertionError(answer)


def _booking(answer: dict[str, Any], wanted: Sequence[int], new: New, claim: Claim) -> Booking:
    """What was written, as the plain way returns it; what the function did not tell is read when it is looked at."""
    venue = Venue.from_db("default", ["id", "name"], [answer["venue"], answer["venue_name"]])
    starts_at = datetime.fromisoformat(answer["starts_at"])
    names = ["id", "venue_id", "name", "starts_at"]
    event = Event.from_db("default", names, [answer["event"], venue.id, answer["name"], starts_at])
    event.venue = venue
    reservation = Reservation(
        id=answer["reservation"],
        code=new.code,
        event=event,
        **claim.columns(),
        created_at=new.created_at,
        expires_at=datetime.fromisoformat(answer["expires_at"]),
    )
    reservation._state.adding, reservation._state.db = False, "default"
    lines = []
    columns = ("lines", "labels", "rows", "numbers", "section_ids", "sections", "prices")
    rows = zip(wanted, new.tickets, *(answer[name] for name in columns), strict=True)
    for seat_id, ticket, line_id, label, row, number, section, name, price in rows:
        values = [seat_id, event.id, label, row, number, Seat.Status.RESERVED]
        seat = Seat.from_db("default", ["id", "event_id", "label", "row", "number", "status"], values)
        seat.section = EventSection.from_db("default", ["id", "name", "price"], [section, name, Decimal(price)])
        line = Line(
            id=line_id,
            reservation=reservation,
            seat=seat,
            ticket_id=ticket,
            price=Decimal(price),
            changed_at=reservation.created_at,
        )
        line._state.adding, line._state.db = False, "default"
        lines.append(line)
    return Booking(reservation, lines)
