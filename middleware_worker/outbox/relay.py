"""The relay: publishes open rows with confirms, again and again until the other side has receipted them."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from django.conf import settings
from django.db import close_old_connections, transaction
from django.db.models import F
from django.utils import timezone

from middleware_worker import publishing
from middleware_worker.outbox import locks
from middleware_worker.outbox.models import OutboxMessage

log = logging.getLogger(__name__)

CLAIM_LIMIT = 500
MESSAGES_A_TASK = 100
# Rows that were published and not receipted: a long stop of the other side must not multiply messages.
WINDOW = 2000
FIRST_BACK_OFF = timedelta(seconds=10)
LONGEST_BACK_OFF = timedelta(seconds=60)
BROKER_PAUSE = timedelta(seconds=2)
IDLE_SECONDS = 0.2


class Publisher(Protocol):
    def publish(self, messages: Sequence[dict[str, Any]], *, lifetime: timedelta) -> None:
        """Returns when the broker has confirmed; raises when it has not."""


class CeleryPublisher:
    """Puts a batch on the queue of the other site as one Celery task.

    It lives no longer than the back-off: when it is published again, this one is gone.
    """

    def __init__(self) -> None:
        self._publisher = publishing.Publisher(settings.BROKER_URL, settings.BROKER_FOLDER)

    def publish(self, messages: Sequence[dict[str, Any]], *, lifetime: timedelta) -> None:
        self._publisher.carry(
            source=settings.SERVICE_NAME, messages=messages, queue=settings.OUTBOX_QUEUE, lifetime=lifetime
        )


def back_off(attempts: int) -> timedelta:
    return min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** min(attempts - 1, 5))


def claim(*, limit: int = CLAIM_LIMIT) -> list[OutboxMessage]:
    """Takes due rows in one short transaction and dates their next attempt; nothing is locked after it."""
    now = timezone.now()
    with transaction.atomic():
        in_flight = OutboxMessage.objects.filter(
            state=OutboxMessage.State.OPEN, next_attempt_at__gt=now, published_at__isnull=False
        ).count()
        rows = locks.due(now=now, limit=min(limit, max(0, WINDOW - in_flight)))
        by_attempts: dict[int, list[OutboxMessage]] = {}
        for row in rows:
            row.attempts += 1
            by_attempts.setdefault(row.attempts, []).append(row)
        for attempts, some in by_attempts.items():
            OutboxMessage.objects.filter(id__in=[row.id for row in some]).update(
                attempts=F("attempts") + 1, claimed_at=now, next_attempt_at=now + back_off(attempts)
            )
    return rows


def publish(rows: Sequence[OutboxMessage], publisher: Publisher) -> None:
    """Publishes claimed rows in batches; a row is marked published only after the broker's confirm."""
    for start in range(0, len(rows), MESSAGES_A_TASK):
        batch = rows[start : start + MESSAGES_A_TASK]
        lifetime = back_off(min(row.attempts for row in batch))
        try:
            publisher.publish([row.message() for row in batch], lifetime=lifetime)
        except Exception as error:
            _release(rows[start:], error)
            raise
        OutboxMessage.objects.filter(id__in=[row.id for row in batch]).update(published_at=timezone.now())


def _release(rows: Sequence[OutboxMessage], error: Exception) -> None:
    """The broker did not confirm: soon again, not counted, and staff see why in the admin."""
    soon = timezone.now() + BROKER_PAUSE
    still_ours = OutboxMessage.objects.filter(
        id__in=[row.id for row in rows], state=OutboxMessage.State.OPEN, next_attempt_at__gt=soon, attempts__gt=0
    )
    still_ours.update(next_attempt_at=soon, attempts=F("attempts") - 1, last_error=f"broker: {error!r}"[:500])


def run_once(publisher: Publisher) -> int:
    """Claims and publishes one round; how many rows."""
    rows = claim()
    publish(rows, publisher)
    return len(rows)


def run(publisher: Publisher, *, stopping: Callable[[], bool], idle: Callable[[float], object] = time.sleep) -> None:
    """Until told to stop. Outlives a lost database and a lost broker."""
    failures = 0
    while not stopping():
        try:
            close_old_connections()
            busy = run_once(publisher) == CLAIM_LIMIT
            failures = 0
        except Exception as error:
            failures += 1
            log.warning("relay: %r; once more", error)
            idle(min(5.0, 0.5 * failures))
        else:
            if not busy:
                idle(IDLE_SECONDS)
