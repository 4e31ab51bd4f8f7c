"""The locks of the rooms. A place is locked after the buyer and before the seats (`services.spend`)."""

from datetime import timedelta

from django.db.models.functions import Now

from reservations_site.waiting_room.models import Room

# Two replicas never move the door within less than this.
TICK = timedelta(seconds=0.9)


def due_room(event_id: int) -> Room | None:
    """The room, locked, with the database's clock as `now`; None when it was seen to a moment ago or is being so."""
    rows = Room.objects.select_for_update(of=("self",), skip_locked=True, no_key=True).select_related("event")
    due = rows.filter(event_id=event_id, in_use=True, ticked_at__lte=Now() - TICK)
    return due.annotate(now=Now()).first()


def room(event_id: int) -> Room | None:
    """The room, locked against the doorkeeper and another change of its settings."""
    rows = Room.objects.select_for_update(of=("self",), no_key=True).select_related("event")
    return rows.filter(event_id=event_id).first()
