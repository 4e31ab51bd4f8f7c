"""What a room shows: the same for everybody, computed once a second in each process; and one browser's place."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from reservations_site.waiting_room import doorkeeper
from reservations_site.waiting_room.admission import new_pass
from reservations_site.waiting_room.models import Place, Room

KEPT_SECONDS = 1.0
# So many rooms and events without one are remembered.
REMEMBERED = 1000
# How far from the door a browser asks again after how many seconds: the further, the less often.
POLL = [[50, 3], [500, 6], [2000, 12], [10_000, 25]]
FARTHEST_POLL = 45


@dataclass
class _Kept:
    at: float
    state: dict[str, Any] | None


_kept: dict[int, _Kept] = {}
_lock = threading.Lock()


def forget() -> None:
    """The next look goes to the database."""
    _kept.clear()


def state(event_id: int) -> dict[str, Any] | None:
    """The room as everybody may see it, at most a second old; None when the event has none in use."""
    known = _kept.get(event_id)
    if known is not None and time.monotonic() - known.at < KEPT_SECONDS:
        return known.state
    # One thread looks; the others answer what was true a moment ago.
    if known is None or _lock.acquire(blocking=False):
        try:
            found = _looked_up(event_id)
        finally:
            if known is not None:
                _lock.release()
        if len(_kept) >= REMEMBERED:
            _kept.clear()
        _kept[event_id] = _Kept(time.monotonic(), found)
        return found
    return known.state


def _looked_up(event_id: int) -> dict[str, Any] | None:
    rows = Room.objects.select_related("event").annotate(now=Now())
    mine = rows.filter(pk=event_id, in_use=True).exclude(event__status="draft")
    room = mine.first()
    # An event without a room costs this one look.
    if room is not None and doorkeeper.advance(event_id):
        room = mine.first()
    if room is None:
        return None
    now: datetime = room.now  # type: ignore[attr-defined]
    waiting = room.early + room.last_number - room.door
    return {
        "event_id": event_id,
        "state": state_of(room, now),
        "sold_out": room.is_sold_out,
        "opens_at": room.opening().isoformat(),
        "now": now.isoformat(),
        "rate": room.rate,
        "minutes": room.minutes,
        "waiting": waiting,
        "spread": 2 + doorkeeper.spread(waiting),
        "last": room.last_number,
        "door": room.door,
        "poll": [*POLL, [None, FARTHEST_POLL]],
    }


def state_of(room: Room, now: datetime) -> str:
    """before, open, paused or over."""
    if room.is_over(now):
        return "over"
    if room.drawn_at is None:
        return "before"
    return "paused" if room.is_paused else "open"


def place(*, event_id: int, browser: str) -> dict[str, Any] | None:
    """Where this browser stands, with its pass while it is inside; None when it stands nowhere."""
    rows = Place.objects.filter(room_id=event_id, browser=browser).annotate(now=Now(), purchases=F("room__purchases"))
    found = rows.first()
    if found is None:
        return None
    left = max(0, found.purchases - found.uses)  # type: ignore[attr-defined]
    answer: dict[str, Any] = {"number": found.number, "expires_at": None, "uses_left": left, "pass": None}
    if found.expires_at is None:
        return answer | {"status": "waiting"}
    answer["expires_at"] = found.expires_at.isoformat()
    if left == 0 or found.expires_at <= found.now:  # type: ignore[attr-defined]
        return answer | {"status": "over"}
    signed = new_pass(event_id=event_id, place_id=found.id, browser=browser, expires_at=found.expires_at)
    return answer | {"status": "inside", "pass": signed}
