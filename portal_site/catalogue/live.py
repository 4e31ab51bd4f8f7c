"""Which seats are free by now, for the maps that are open: only what changed since a map last asked."""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from portal_site.clients.calls import Visitor
from portal_site.clients.reservations import reservations

# Older maps get all the states again: 20 kB for 20,000 seats, before compression.
REMEMBERED = 50


@dataclass
class _Board:
    """The last states of an event by their version, the newest last."""

    asked_at: float = -1e9
    known: OrderedDict[str, str] = field(default_factory=OrderedDict)


_boards: dict[int, _Board] = {}


@dataclass(frozen=True)
class States:
    version: str
    states: str
    # The states as the map that asks has them, when they are still remembered.
    before: str | None = None

    def content(self) -> dict[str, Any]:
        """All states, or when it is shorter the places (in the order of seat ids) that changed, by their letter."""
        if self.before is not None and len(self.before) == len(self.states):
            changes: dict[str, list[int]] = {}
            for place, (old, new) in enumerate(zip(self.before, self.states, strict=True)):
                if old != new:
                    changes.setdefault(new, []).append(place)
            if sum(map(len, changes.values())) * 5 < len(self.states):
                return {"version": self.version, "changes": changes}
        return {"version": self.version, "states": self.states}


def states(event_id: int, visitor: Visitor, *, since: str = "") -> States | None:
    """The states now, at most SEAT_STATES_SECONDS old; None when there is no such event. Raises Unavailable."""
    board = _boards.setdefault(event_id, _Board())
    if not board.known or time.monotonic() - board.asked_at > settings.SEAT_STATES_SECONDS:
        found = reservations().seat_states(event_id, visitor)
        if found is None:
            _boards.pop(event_id, None)
            return None
        board.asked_at = time.monotonic()
        _remember(board, found.states)
    version = next(reversed(board.known))
    return States(version, board.known[version], board.known.get(since))


def _remember(board: _Board, now: str) -> None:
    # By their content, so that every process of the portal knows them by the same name.
    version = hashlib.blake2b(now.encode(), digest_size=9).hexdigest()
    board.known[version] = now
    board.known.move_to_end(version)
    while len(board.known) > REMEMBERED:
        board.known.popitem(last=False)
