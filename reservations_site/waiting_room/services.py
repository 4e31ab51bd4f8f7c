"""Standing in line, spending an admission, and what staff do with a room."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Least, Now
from django.utils import timezone

from middleware_worker.outbox.transactions import retrying
from reservations_site.events.models import Event
from reservations_site.reservations import audit, refusals
from reservations_site.waiting_room import doorkeeper, locks
from reservations_site.waiting_room.admission import Admission
from reservations_site.waiting_room.models import Place, Room

SETTINGS = ("in_use", "opens_at", "rate", "minutes", "purchases")
BATCH = 5000


@retrying
def stand_in_line(*, event_id: int, browser: str) -> None:
    """A place for this browser, the one it has already when that one is not over. The caller knows the room.

    Its number comes when the doorkeeper comes by next.
    """
    mine = Place.objects.filter(room_id=event_id, browser=browser)
    # Whoever was in, and is out again, may stand in line anew, at its end.
    mine.filter(Q(expires_at__lte=Now()) | Q(uses__gte=F("room__purchases"))).update(browser=None)
    Place.objects.bulk_create([Place(room_id=event_id, browser=browser)], ignore_conflicts=True)


def room_of(event: Event) -> Room | None:
    """The room that an event's buyers must come through; without a query when it was selected with the event."""
    room: Room | None = getattr(event, "room", None)
    return room if room is not None and room.in_use else None


def check_admission(event: Event, admission: Admission | None) -> None:
    """Raises 403 for whoever was not let in to an event that has a room."""
    if room_of(event) is not None and (admission is None or admission.event_id != event.id):
        raise refusals.waiting_room(event.id)


def spend(event: Event, admission: Admission | None, *, rut: int) -> bool:
    """One use of the admission, for one RUT alone, in the caller's transaction; whether there was one left."""
    room = room_of(event)
    if room is None or admission is None:
        return room is None
    good = Place.objects.filter(
        Q(rut=None) | Q(rut=rut),
        id=admission.place_id,
        room_id=event.id,
        expires_at__gt=timezone.now(),
        uses__lt=room.purchases,
    )
    return bool(good.update(uses=F("uses") + 1, rut=rut, used_at=Coalesce("used_at", timezone.now())))


@retrying
def change_room(*, event: Event, by: str, **wanted: Any) -> Room:
    """The event's room with these settings, made when there is none. What changed is recorded."""
    found = locks.room(event.id)
    room = found or Room(event=event, is_paused=False)
    changes = {name: value for name, value in wanted.items() if found is None or getattr(room, name) != value}
    if "rate" in changes and room.credit < 0:
        # A time that is waited for yet, counted in people: it stays as long.
        room.credit *= changes["rate"] / room.rate
    for name, value in changes.items():
        setattr(room, name, value)
    if found is None:
        room.save(force_insert=True)
    elif changes:
        room.save(update_fields=[*changes, "credit"])
    if changes:
        shown = [f"{name}={value}" for name, value in changes.items()]
        audit.record(by=by, action="room_changed" if found else "room_added", event_id=event.id, changes=shown)
    return room


@retrying
def pause(*, event_id: int, paused: bool, by: str) -> bool:
    """Nobody is let in while it is paused; places are kept and numbered. Whether it changed."""
    room = locks.room(event_id)
    if room is None or room.is_paused == paused:
        return False
    Room.objects.filter(event_id=event_id).update(is_paused=paused, credit=Least("credit", Value(0.0)))
    audit.record(by=by, action="room_paused" if paused else "room_resumed", event_id=event_id)
    return True


def see_to_all() -> None:
    """Advances every room in use, so that the door moves also while nobody looks."""
    rooms = Room.objects.annotate(ends=Coalesce("event__sales_close_at", "event__starts_at"))
    open_rooms = rooms.filter(in_use=True, event__status=Event.Status.PUBLISHED, ends__gt=Now())
    for event_id in open_rooms.values_list("pk", flat=True):
        doorkeeper.advance(event_id)


def prune() -> int:
    """Deletes places of events whose sale ended settings.ROOM_KEEP_DAYS ago, a batch at a time; how many."""
    before = timezone.now() - timedelta(days=settings.ROOM_KEEP_DAYS)
    old = Place.objects.annotate(ended=Coalesce("room__event__sales_close_at", "room__event__starts_at"))
    ids = list(old.filter(ended__lt=before).values_list("id", flat=True)[:BATCH])
    if not ids:
        return 0
    return Place.objects.filter(id__in=ids).delete()[0]
