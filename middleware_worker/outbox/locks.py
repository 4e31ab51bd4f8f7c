"""Every row lock on the outbox, always in id order. Taken before any lock on seats or tickets."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection

from middleware_worker.outbox.models import OutboxMessage

State = OutboxMessage.State


def unsettled(ids: Iterable[UUID]) -> list[OutboxMessage]:
    """The rows that a receipt may still change, locked until the transaction ends."""
    rows = OutboxMessage.objects.filter(id__in=list(ids), state__in=[State.OPEN, State.REJECTED, State.DISCARDED])
    return list(rows.select_for_update().order_by("id"))


def due(*, now: datetime, limit: int) -> list[OutboxMessage]:
    """Rows that are due, oldest first, locked; rows that another relay is just claiming are passed over."""
    rows = OutboxMessage.objects.filter(state=State.OPEN, next_attempt_at__lte=now)
    skip = connection.features.has_select_for_update_skip_locked
    return list(rows.select_for_update(skip_locked=skip).order_by("next_attempt_at")[:limit])
