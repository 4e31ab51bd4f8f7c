"""The rooms as the reservations site shows them, asked for once a second however many browsers wait."""

import time
from dataclasses import dataclass

from portal_site.clients.calls import Refused, Unavailable, Visitor
from portal_site.clients.reservations import Room, reservations

KEPT_SECONDS = 1.0
# An event without a room is asked about this often.
NONE_KEPT_SECONDS = 5.0
# While the site does not answer, what was true this long ago is still shown.
STALE_SECONDS = 120.0
REMEMBERED = 500


@dataclass
class _Kept:
    at: float
    room: Room | None
    # Somebody is asking for it anew.
    is_asked: bool = False


_kept: dict[int, _Kept] = {}


def room(event_id: int, visitor: Visitor) -> Room | None:
    """The room; None when the event has none. Raises Unavailable when nothing is known of it."""
    known, now = _kept.get(event_id), time.monotonic()
    if known is not None:
        age = now - known.at
        if known.is_asked or age < (KEPT_SECONDS if known.room else NONE_KEPT_SECONDS):
            return known.room
        known.is_asked = True
    try:
        found = reservations().room(event_id, visitor)
    except (Unavailable, Refused):
        if known is None or now - known.at > STALE_SECONDS:
            raise
        return known.room
    finally:
        if known is not None:
            known.is_asked = False
    if len(_kept) >= REMEMBERED:
        _kept.clear()
    _kept[event_id] = _Kept(time.monotonic(), found)
    return found


def room_or_none(event_id: int, visitor: Visitor) -> Room | None:
    """The room that buyers must come through just now; none when its sale is over or nobody can say."""
    try:
        found = room(event_id, visitor)
    except (Unavailable, Refused):
        return None
    return None if found is None or found.state == "over" else found


def forget() -> None:
    _kept.clear()
