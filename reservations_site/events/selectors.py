"""Reads of the catalogue and of seat maps, in a number of queries that does not grow."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import OperationalError
from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from reservations_site.events.models import Event, EventSection, Seat

T = TypeVar("T")
log = logging.getLogger(__name__)

# An event leaves the list this long after it began.
LISTED_AFTER_START = timedelta(days=1)


def free(seats: str = "") -> Count:
    """Counts the free seats, seen from the table of seats or through a relation to it."""
    at = f"{seats}__" if seats else ""
    return Count(f"{at}id", filter=Q(**{f"{at}status": Seat.Status.AVAILABLE}))


def catalogue(read: Callable[[str | None], T]) -> T:
    """What `read` finds by the router's choice; from the primary when the replica does not answer."""
    try:
        return read(None)
    except OperationalError as error:
        if "replica" not in settings.DATABASES:
            raise
        log.warning("the replica does not answer, the primary is asked: %s", error)
        return read("default")


def _shown(using: str | None) -> QuerySet[Event]:
    return Event.objects.using(using).exclude(status=Event.Status.DRAFT).select_related("venue")


def shown_event(id: int) -> Event | None:
    """A published or cancelled event with its venue; None for a draft or an unknown one."""
    return catalogue(lambda using: _shown(using).filter(id=id).first())


def listed_events() -> list[dict[str, Any]]:
    """The events of the list as the API shows them, with how many of their seats are free."""
    since = timezone.now() - LISTED_AFTER_START
    events = catalogue(lambda using: list(_shown(using).filter(starts_at__gte=since)))
    return described(events)


def described(events: list[Event]) -> list[dict[str, Any]]:
    """Events as the API shows them. Three queries for any number."""
    ids = [event.id for event in events]
    # How many are free is always the primary's word.
    counts = (
        Seat.objects.filter(event_id__in=ids).order_by().values("event_id").annotate(total=Count("id"), free=free())
    )
    seats: dict[int, Mapping[str, Any]] = {row["event_id"]: row for row in counts}
    rows = EventSection.objects.using("default").filter(event_id__in=ids).order_by()
    cheapest = dict(rows.values_list("event_id").annotate(Min("price")))
    return [_described(event, seats.get(event.id, {}), cheapest.get(event.id)) for event in events]


def _described(event: Event, seats: Mapping[str, Any], price_from: Any) -> dict[str, Any]:
    return {
        "id": event.id,
        "name": event.name,
        "venue": event.venue.name,
        "date": timezone.localtime(event.starts_at).strftime("%Y-%m-%d %H:%M"),
        "total_seats": seats.get("total", 0),
        "available_seats": seats.get("free", 0),
        "description": event.description,
        "status": event.status,
        "starts_at": event.starts_at.isoformat(),
        "sales_open_at": event.sales_open_at.isoformat(),
        "sales_close_at": event.closes_at().isoformat(),
        "price_from": None if price_from is None else int(price_from),
    }


def sections(event_id: int) -> list[dict[str, Any]]:
    """The price sections of an event, best first, without their free seats."""
    rows = EventSection.objects.using("default").filter(event_id=event_id).order_by("rank", "id")
    columns = rows.values_list("id", "name", "price", "rank")
    return [{"id": key, "name": name, "price": int(price), "rank": rank} for key, name, price, rank in columns]


def sections_with_free_seats(event_id: int) -> list[dict[str, Any]]:
    """The price sections with how many of their seats are free."""
    counts = Seat.objects.filter(event_id=event_id).order_by().values_list("section_id").annotate(free=free())
    found = dict(counts)
    return [section | {"available": found.get(section["id"], 0)} for section in sections(event_id)]


def occupancy(event_id: int) -> list[dict[str, Any]]:
    """For staff: each section with its seats counted by status."""
    counts = Seat.objects.filter(event_id=event_id).order_by().values_list("section_id", "status").annotate(Count("id"))
    found: dict[int, dict[str, int]] = {}
    for section, status, count in counts:
        found.setdefault(section, {})[status] = count
    rows = []
    for section in sections(event_id):
        by_status = {status: found.get(section["id"], {}).get(status, 0) for status in Seat.Status.values}
        rows.append(section | by_status | {"total": sum(by_status.values())})
    return rows


def fingerprint(event: Event, prices: list[dict[str, Any]]) -> str:
    """Changes whenever anything that the seat map shows changes: one narrow query, no objects."""
    statuses = Seat.objects.filter(event_id=event.id).order_by("id").values_list("id", "status")
    text = f"{event.id} {event.name} {event.status} {event.starts_at} {prices} {list(statuses)}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def seat_map(event_id: int, prices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every seat of an event as the API shows it: no person's data, blocked seats as reserved."""
    price = {section["id"]: section["price"] for section in prices}
    rows = Seat.objects.filter(event_id=event_id).order_by("section__rank", "section_id", "row_rank", "position")
    columns = rows.values_list("id", "label", "status", "section_id", "row", "number", "x", "y")
    return [
        {
            "id": seat,
            "event_id": event_id,
            "seat_number": label,
            "status": "reserved" if status == "blocked" else status,
            "section": section,
            "row": row,
            "number": number,
            "x": x,
            "y": y,
            "price": price[section],
        }
        for seat, label, status, section, row, number, x, y in columns
    ]
