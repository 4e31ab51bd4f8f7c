"""The catalogue: fresh from the reservations site, or the last known one with its age."""

from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError
from pydantic import ValidationError

from portal_site.catalogue.models import Snapshot
from portal_site.catalogue.services import remember
from portal_site.clients.calls import Unavailable, Visitor
from portal_site.clients.reservations import Event, reservations


@dataclass(frozen=True)
class Events:
    events: list[Event]
    # When it was last known, None when it is fresh.
    as_of: datetime | None = None


@dataclass(frozen=True)
class OneEvent:
    event: Event
    as_of: datetime | None = None


def _last_known(key: str) -> Snapshot | None:
    try:
        return Snapshot.objects.filter(key=key).first()
    except (DatabaseError, InterfaceError):
        return None


def events(visitor: Visitor) -> Events:
    """All events. Raises Unavailable when the site is down and nothing was ever known."""
    try:
        fresh = reservations().events(visitor)
    except Unavailable:
        snapshot = _last_known("events")
        if snapshot is None:
            raise
        try:
            return Events([Event.model_validate(data) for data in snapshot.data], snapshot.taken_at)
        except ValidationError:
            raise Unavailable("reservations", "and what is remembered is of another version") from None
    remember(key="events", data=[event.model_dump(mode="json") for event in fresh])
    return Events(fresh)


def event(event_id: int, visitor: Visitor) -> OneEvent | None:
    """One event, None when there is no such. Raises Unavailable as `events` does."""
    try:
        fresh = reservations().event(event_id, visitor)
    except Unavailable:
        snapshot = _last_known(f"event:{event_id}")
        if snapshot is not None:
            return OneEvent(Event.model_validate(snapshot.data), snapshot.taken_at)
        known = [found for found in events(visitor).events if found.id == event_id]
        if not known:
            raise
        list_snapshot = _last_known("events")
        return OneEvent(known[0], list_snapshot.taken_at if list_snapshot else None)
    if fresh is None:
        return None
    remember(key=f"event:{event_id}", data=fresh.model_dump(mode="json"))
    return OneEvent(fresh)
