"""The doorkeeper: numbers those who came, and lets in as many as the rate allows.

Whichever process comes by does it, at most once a second, under the room's row lock and by the database's clock:
replicas share the rate, and none is needed in particular. Before the opening nobody has a number. At the opening all
who came before it are numbered by a hash of their place and a seed made at that moment; later ones stand behind.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from reservations_site.events.models import Seat
from reservations_site.reservations import audit
from reservations_site.waiting_room import locks
from reservations_site.waiting_room.models import Place, Room

WINDOW = timedelta(minutes=1)
# After a pause or an outage the pace makes up for no more than this.
MOST_CREDIT_SECONDS = 5.0
# Those who wait come for their numbers within this at most.
LONGEST_SPREAD = 120

SHA256 = {
    "postgresql": "sha256(convert_to(%(seed)s || id, 'UTF8'))",
    "sqlite": "SHA256(%(seed)s || id)",
}
NUMBER = """
WITH drawn AS (
    SELECT id, %(last)s + row_number() OVER (
        ORDER BY created_at >= %(opening)s, CASE WHEN created_at < %(opening)s THEN {sha256} END, id
    ) AS number
    FROM waiting_room_place WHERE room_id = %(room)s AND number IS NULL
)
UPDATE waiting_room_place SET number = drawn.number FROM drawn WHERE waiting_room_place.id = drawn.id
"""


def spread(waiting: int) -> int:
    """Seconds over which so many come for their numbers at the opening, so that they do not come all at once."""
    return min(LONGEST_SPREAD, waiting // settings.NUMBERS_A_SECOND)


@transaction.atomic
def advance(event_id: int) -> bool:
    """Sees to the room if nobody did within the last second; whether it did."""
    room = locks.due_room(event_id)
    if room is None:
        return False
    now: datetime = room.now  # type: ignore[attr-defined]
    if not room.is_over(now):
        if now >= room.opening():
            _draw(room, now)
            _let_in(room, now)
        else:
            room.early = Place.objects.filter(room=room, number=None).count()
    room.ticked_at = now
    room.save(update_fields=COUNTERS)
    return True


COUNTERS = ["last_number", "door", "early", "credit", "ticked_at", "drawn_at", "seed", "is_sold_out"]


def _draw(room: Room, now: datetime) -> None:
    """Gives a number to everybody who has none."""
    if is_first := room.drawn_at is None:
        room.drawn_at, room.seed = now, secrets.token_hex(16)
    opening = connection.ops.adapt_datetimefield_value(room.opening())
    values: dict[str, Any] = {"seed": room.seed, "last": room.last_number, "opening": opening, "room": room.event_id}
    with connection.cursor() as cursor:
        cursor.execute(NUMBER.format(sha256=SHA256[connection.vendor]), values)
    room.last_number = Place.objects.filter(room=room).aggregate(last=Max("number"))["last"] or 0
    room.early = 0
    if is_first:
        # The door opens when they all can know their numbers: else the first would learn of their turns late, and come
        # in together with the next ones.
        room.credit = -room.rate / 60 * spread(room.last_number)
        audit.record(
            by="waiting_room", action="room_drawn", event_id=room.event_id, total=room.last_number, seed=room.seed
        )


def _let_in(room: Room, now: datetime) -> None:
    """Moves the door: never more than the rate within any minute, and evenly within it."""
    passed = min((now - room.ticked_at).total_seconds(), MOST_CREDIT_SECONDS)
    room.credit = min(room.credit + room.rate / 60 * passed, max(1.0, room.rate / 60 * MOST_CREDIT_SECONDS))
    # Nobody is sent into a shop without a free seat; they go on when one comes back.
    room.is_sold_out = not Seat.objects.filter(event_id=room.event_id, status=Seat.Status.AVAILABLE).exists()
    if room.is_paused or room.is_sold_out:
        room.credit = min(room.credit, 0.0)
        return
    # Numbers are let in in order, so those of the last minute are among the last `rate` of them.
    last = Place.objects.filter(room=room, number__gt=room.door - room.rate, number__lte=room.door)
    allowed = room.rate - last.filter(let_in_at__gt=now - WINDOW).count()
    count = min(int(room.credit), allowed, room.last_number - room.door)
    if count <= 0:
        return
    entering = Place.objects.filter(room=room, number__gt=room.door, number__lte=room.door + count)
    entering.update(let_in_at=now, expires_at=now + timedelta(minutes=room.minutes))
    room.door += count
    room.credit -= count
