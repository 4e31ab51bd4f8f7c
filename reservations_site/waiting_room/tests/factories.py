"""Rooms to test with."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from reservations_site.events.models import Event
from reservations_site.waiting_room import doorkeeper, selectors
from reservations_site.waiting_room.admission import Admission
from reservations_site.waiting_room.models import Place, Room
from reservations_site.waiting_room.services import change_room, stand_in_line


def make_room(event: Event, **fields: Any) -> Room:
    """A room that opened an hour ago, with places for everybody at once."""
    values = {"in_use": True, "opens_at": timezone.now() - timedelta(hours=1), "rate": 6000, "minutes": 10}
    room = change_room(event=event, by="test", **(values | {"purchases": 2} | fields))
    # An event that is on sale since this moment lets nobody in earlier.
    Event.objects.filter(id=event.id).update(sales_open_at=timezone.now() - timedelta(days=1))
    event.refresh_from_db()
    return room


def new_browser() -> str:
    return secrets.token_hex(16)


def join(event: Event, count: int) -> list[str]:
    """Browsers that stand in line, in this order."""
    browsers = [new_browser() for _number in range(count)]
    for browser in browsers:
        stand_in_line(event_id=event.id, browser=browser)
    return browsers


def tick(event: Event, seconds: float = 1) -> Room:
    """The doorkeeper comes by, as if so much time had passed."""
    Room.objects.filter(event=event).update(ticked_at=Now() - timedelta(seconds=seconds))
    assert doorkeeper.advance(event.id)
    selectors.forget()
    return Room.objects.get(event=event)


def let_in(event: Event, *, at: datetime | None = None, **fields: Any) -> Admission:
    """An admission that was given just now."""
    number = Place.objects.filter(room_id=event.id).count() + 1
    now = at or timezone.now()
    values = {"let_in_at": now, "expires_at": now + timedelta(minutes=10), "browser": new_browser()}
    place = Place.objects.create(room_id=event.id, number=number, **(values | fields))
    return Admission(event.id, place.id)
