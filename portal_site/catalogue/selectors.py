"""The catalogue: fresh from the reservations site, or the last known one with its age."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

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


def _remembered_list(data: Any) -> list[Event]:
    """Raises Unavailable when the memory is of another version of this program."""
    try:
        return [Event.model_validate(one) for one in data]
    except (ValidationError, TypeError):
        raise Unavailable("reservations", "and what is remembered cannot be read") from None


def events(visitor: Visitor) -> Events:
    """All events. Raises Unavailable when the site is down and nothing was ever known."""
    try:
        fresh = reservations().events(visitor)
    except Unavailable:
        snapshot = _last_known("events")
        if snapshot is None:
            raise
        return Events(_remembered_list(snapshot.data), snapshot.taken_at)
    remember(key="events", data=[event.model_dump(mode="json") for event in fresh])
    return Events(fresh)


def event(event_id: int, visitor: Visitor) -> OneEvent | None:
    """One event, None when there is no such. Raises Unavailable as `events` does."""
    try:
        fresh = reservations().event(event_id, visitor)
    except Unavailable:
        if snapshot := _last_known(f"event:{event_id}"):
            return OneEvent(_remembered_list([snapshot.data])[0], snapshot.taken_at)
        listed = events(visitor)
        known = [found for found in listed.events if found.id == event_id]
        if not known:
            raise
        return OneEvent(known[0], listed.as_of)
    if fresh is None:
        return None
    remember(key=f"event:{event_id}", data=fresh.model_dump(mode="json"))
    return OneEvent(fresh)
