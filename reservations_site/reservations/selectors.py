"""Reads about reservations and free seats. Always from the primary: nothing here is decided on a replica."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Max, Min
from django.utils import timezone

from middleware_worker.contract.rut import InvalidRut, parse_rut
from reservations_site import clusters
from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.reservations import refusals
from reservations_site.reservations.best_available import Place
from reservations_site.reservations.failover import through_failover
from reservations_site.reservations.models import ALPHABET, Line, Reservation

RUT_LIMIT_PERIOD = timedelta(minutes=1)
CODE = re.compile(rf"TF(-[{ALPHABET}]{{4}}){{3}}")
# Letters that Crockford's base 32 leaves out, read as what they were meant to be.
MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})


class Booking(NamedTuple):
    """A reservation (with event and venue) and its lines (with seat and section), in seat order."""

    reservation: Reservation
    lines: Sequence[Line]

    @property
    def status(self) -> str:
        """held, cancelling (billing was asked to end it), confirmed, released, or mixed."""
        statuses = {line.status for line in self.lines}
        if Line.Status.HELD in statuses and self.reservation.asked_at is not None:
            return "cancelling"
        return str(statuses.pop()) if len(statuses) == 1 else "mixed"


def booking(reservation: Reservation) -> Booking:
    """The reservation with all its lines as they are now."""
    lines = Line.objects.filter(reservation=reservation).select_related("seat__section").order_by("seat_id")
    return Booking(reservation, list(lines))


def bookings(reservations: Sequence[Reservation]) -> list[Booking]:
    """Many reservations, each with its event and all its lines as they are now, in three queries."""
    events = Event.objects.using("default").select_related("venue").in_bulk({r.event_id for r in reservations})
    lines: dict[int, list[Line]] = {reservation.id: [] for reservation in reservations}
    rows = Line.objects.filter(reservation_id__in=lines).select_related("seat__section")
    for line in rows.order_by("reservation_id", "seat_id"):
        lines[line.reservation_id].append(line)
    for reservation in reservations:
        reservation.event = events[reservation.event_id]
    return [Booking(reservation, lines[reservation.id]) for reservation in reservations]


def typed_code(text: str) -> str:
    """The booking code that a person typed: any case, O for 0, I or L for 1, with or without dashes."""
    compact = re.sub(r"[\s\-]", "", text).upper()
    if not compact.startswith("TF") or len(compact) != 14:
        return text.strip().upper()
    body = compact[2:].translate(MISREAD)
    return f"TF-{body[:4]}-{body[4:8]}-{body[8:]}"


def cluster_of(code: str) -> AbstractContextManager[None]:
    """The cluster that has a booking of this code is the database inside."""
    is_here = Reservation.objects.filter(code=typed_code(code)).exists
    return through_failover(lambda _again: clusters.holding(is_here))


def by_code(code: str) -> Booking:
    """The booking of this code, typed or copied. Raises 404."""
    meant = typed_code(code)
    found = None
    if CODE.fullmatch(meant):
        found = Reservation.objects.select_related("event__venue").filter(code=meant).first()
    if found is None:
        raise refusals.unknown_reservation()
    return booking(found)


def wait_of(rut: int) -> float | None:
    """Seconds until this buyer may reserve again, None for now; counted under the buyer's lock."""
    now = timezone.now()
    times = Reservation.objects.filter(rut=rut, created_at__gt=now - RUT_LIMIT_PERIOD).order_by("created_at")
    recent = list(times.values_list("created_at", flat=True))
    if len(recent) < settings.RUT_LIMIT:
        return None
    return (recent[0] + RUT_LIMIT_PERIOD - now).total_seconds() if recent else 1.0


def searched_rut(text: str) -> int | None:
    """The RUT number in what staff typed: with check digit, dots and dash or without; a bare number too."""
    try:
        return parse_rut(text)
    except InvalidRut:
        bare = text.replace(".", "").strip()
        return int(bare) if bare.isascii() and bare.isdigit() and len(bare) <= 8 else None


def describe(found: Booking) -> dict[str, Any]:
    """The reservation object of the API."""
    reservation, event = found.reservation, found.reservation.event
    return {
        "code": reservation.code,
        "event": {
            "id": event.id,
            "name": event.name,
            "venue": event.venue.name,
            "date": local_date(event),
            "starts_at": event.starts_at.isoformat(),
        },
        "rut": reservation.rut,
        "status": found.status,
        "expires_at": reservation.expires_at.isoformat(),
        "created_at": reservation.created_at.isoformat(),
        "total": sum(int(line.price) for line in found.lines),
        "seats": [
            {
                "seat_id": line.seat_id,
                "seat_number": line.seat.label,
                "section": line.seat.section.name,
                "row": line.seat.row,
                "number": line.seat.number,
                "price": int(line.price),
                "ticket_id": line.ticket_id,
                "status": line.status,
            }
            for line in found.lines
        ],
        "instance": settings.INSTANCE,
    }


def local_date(event: Event) -> str:
    """When the event begins, in the venue's local time, as the contract writes it."""
    return timezone.localtime(event.starts_at).strftime("%Y-%m-%d %H:%M")


def event_on_primary(id: int) -> Event | None:
    """A published or cancelled event, read where sales are decided; None for a draft or an unknown one."""
    rows = Event.objects.using("default").select_related("venue", "room").exclude(status=Event.Status.DRAFT)
    return rows.filter(id=id).first()


def section_id(event: Event, section: int | str | None) -> int | None:
    """The id of a section given by its id or its name; None for any section. Raises 404."""
    if section is None:
        return None
    rows = EventSection.objects.using("default").filter(event=event)
    rows = rows.filter(id=section) if isinstance(section, int) else rows.filter(name=section)
    if (found := rows.first()) is None:
        raise refusals.unknown_section()
    return int(found.id)


def free_places(*, event_id: int, section_id: int | None) -> list[Place]:
    """The free seats of an event or of one section, for the choice of the best."""
    rows = Seat.objects.filter(event_id=event_id, status=Seat.Status.AVAILABLE)
    if section_id is not None:
        rows = rows.filter(section_id=section_id)
    columns = rows.values_list("section__rank", "section_id", "row_rank", "position", "id", "x")
    middle = middles(event_id)
    return [
        Place(rank, section, row, position, seat, abs(x - middle[section]))
        for rank, section, row, position, seat, x in columns
    ]


def middles(event_id: int) -> dict[int, float]:
    """The x of the middle of each section of an event."""
    ends = Seat.objects.filter(event_id=event_id).values("section_id").annotate(low=Min("x"), high=Max("x")).order_by()
    return {row["section_id"]: (row["low"] + row["high"]) / 2 for row in ends}
