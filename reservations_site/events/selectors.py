"""Reads of the catalogue and of seat maps, in a number of queries that does not grow."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from reservations_site.events.models import Event, EventSection, Seat

T = TypeVar("T")
log = logging.getLogger(__name__)

# An event leaves the list this long after it began.
LISTED_AFTER_START = timedelta(days=1)
# While the primary is away, it is asked again this often; in between a page does not wait for it.
PRIMARY_ASKED_EVERY = 2.0


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


# Until when (time.monotonic) this process takes a primary to be away, by its connection's name.
_away_until: dict[str, float] = {}


def displayed(read: Callable[[str], T]) -> T:
    """What `read(using)` finds on the primary, or on the replica while there is no primary.

    Only for what is looked at, never for what is decided: the replica may be a moment behind, and a seat that it
    shows as free is still locked and checked on the primary. So a fail-over takes nobody's seat map away.
    """
    if "replica" not in settings.DATABASES:
        return read("default")
    name = connection.alias
    if time.monotonic() >= _away_until.get(name, 0.0):
        try:
            return read("default")
        except (OperationalError, InterfaceError) as error:
            log.warning("the primary does not answer, the replica is shown: %s", error)
            _away_until[name] = time.monotonic() + PRIMARY_ASKED_EVERY
    return read("replica")


def _shown(using: str | None) -> QuerySet[Event]:
    return Event.objects.using(using).exclude(status=Event.Status.DRAFT).select_related("venue")


def shown_event(id: int) -> Event | None:
    """A published or cancelled event with its venue; None for a draft or an unknown one."""
    return catalogue(lambda using: _shown(using).filter(id=id).first())


def listed_events() -> list[dict[str, Any]]:
    """The events of the list as the API shows them, with how many of their seats are free."""
    since = timezone.now() - LISTED_AFTER_START
    events = catalogue(lambda using: list(_shown(using).filter(starts_at__gte=since)))
    return displayed(lambda using: described(events, using))


def described(events: list[Event], using: str = "default") -> list[dict[str, Any]]:
    """Events as the API shows them. Three queries for any number."""
    ids = [event.id for event in events]
    listed = Seat.objects.using(using).filter(event_id__in=ids).order_by()
    counts = listed.values("event_id").annotate(total=Count("id"), free=free())
    seats: dict[int, Mapping[str, Any]] = {row["event_id"]: row for row in counts}
    rows = EventSection.objects.using(using).filter(event_id__in=ids).order_by()
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


def sections(event_id: int, using: str = "default") -> list[dict[str, Any]]:
    """The price sections of an event, best first, without their free seats."""
    rows = EventSection.objects.using(using).filter(event_id=event_id).order_by("rank", "id")
    columns = rows.values_list("id", "name", "price", "rank")
    return [{"id": key, "name": name, "price": int(price), "rank": rank} for key, name, price, rank in columns]


def sections_with_free_seats(event_id: int, using: str = "default") -> list[dict[str, Any]]:
    """The price sections with how many of their seats are free."""
    seats = Seat.objects.using(using).filter(event_id=event_id).order_by()
    found = dict(seats.values_list("section_id").annotate(free=free()))
    return [section | {"available": found.get(section["id"], 0)} for section in sections(event_id, using)]


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


class MapState(NamedTuple):
    """What of a seat map changes, and the ETag that names it."""

    etag: str
    row: dict[str, Any]
    prices: list[dict[str, Any]]


def map_state(event: Event, using: str = "default") -> MapState:
    """The state of an event's seat map now: narrow queries, no objects."""
    (row,) = described([event], using)
    prices = sections(event.id, using)
    # With the zone: staff move seats between zones.
    seats = Seat.objects.using(using).filter(event_id=event.id).order_by().values_list("id", "status", "section_id")
    return _state(row, prices, [(seat, _public(status), section) for seat, status, section in seats])


def _state(row: dict[str, Any], prices: list[dict[str, Any]], seats: list[tuple[int, str, int]]) -> MapState:
    digest = hashlib.blake2b(f"{row} {prices} {sorted(seats)}".encode(), digest_size=16).hexdigest()
    # Weak: the same map, though `instance` may differ.
    return MapState(f'W/"{digest}"', row, prices)


def _public(status: str) -> str:
    return "reserved" if status == "blocked" else status


# One letter a seat: what changes while a buyer looks at the map.
LETTERS = {"available": "a", "reserved": "r", "blocked": "r", "sold": "s"}


def states(event_id: int, using: str = "default") -> str:
    """Which seats are free, a letter each in the order of their ids: one narrow query, no objects."""
    statuses = Seat.objects.using(using).filter(event_id=event_id).order_by("id").values_list("status", flat=True)
    return "".join(LETTERS[status] for status in statuses)


def seat_map(event: Event, state: MapState, using: str = "default") -> tuple[str, dict[str, Any]]:
    """Every seat of an event as the API shows it, and the ETag of just these: no person's data, blocked as reserved.

    A seat may have changed since `state` was read. Then the ETag is another one, so that no state is ever kept under
    the name of another.
    """
    price = {section["id"]: section["price"] for section in state.prices}
    rows = Seat.objects.using(using).filter(event_id=event.id)
    ordered = rows.order_by("section__rank", "section_id", "row_rank", "position")
    columns = ordered.values_list("id", "label", "status", "section_id", "row", "number", "x", "y")
    seats = [
        {
            "id": seat,
            "event_id": event.id,
            "seat_number": label,
            "status": _public(status),
            "section": section,
            "row": row,
            "number": number,
            "x": x,
            "y": y,
            "price": price[section],
        }
        for seat, label, status, section, row, number, x, y in columns
    ]
    etag = _state(state.row, state.prices, [(seat["id"], seat["status"], seat["section"]) for seat in seats]).etag
    return etag, {"seats": seats, "sections": state.prices, "event": state.row}
