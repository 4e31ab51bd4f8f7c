"""The relay: publishes open rows with confirms, again and again until the other side has receipted them."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from celery import Celery
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, transaction
from django.db.models import F
from django.utils import timezone

from middleware_worker import broker
from middleware_worker.outbox import locks
from middleware_worker.outbox.models import OutboxMessage

log = logging.getLogger(__name__)

CLAIM_LIMIT = 500
MESSAGES_A_TASK = 100
# Rows that were published and not receipted: a long stop of the other side must not multiply messages.
WINDOW = 2000
FIRST_BACK_OFF = timedelta(seconds=10)
LONGEST_BACK_OFF = timedelta(seconds=60)
IDLE_SECONDS = 0.2


class Publisher(Protocol):
    def publish(self, messages: Sequence[dict[str, Any]], *, lifetime: timedelta) -> None:
        """Returns when the broker has confirmed; raises when it has not."""


class CeleryPublisher:
    """Puts a batch on the queue of the other site as one Celery task."""

    def __init__(self) -> None:
        self.app = Celery("relay", set_as_current=False)
        self.app.config_from_object(broker.celery_settings(settings.BROKER_URL, settings.BROKER_FOLDER))

    def publish(self, messages: Sequence[dict[str, Any]], *, lifetime: timedelta) -> None:
        self.app.send_task(
            broker.CARRY_TASK,
            kwargs={"source": settings.SERVICE_NAME, "messages": list(messages)},
            queue=settings.OUTBOX_QUEUE,
            # It lives no longer than the back-off: when it is published again, this one is gone.
            expiration=lifetime.total_seconds(),
            retry=False,
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
        publisher.publish([row.message() for row in batch], lifetime=lifetime)
        OutboxMessage.objects.filter(id__in=[row.id for row in batch]).update(published_at=timezone.now())


def run_once(publisher: Publisher) -> int:
    """Claims and publishes one round; how many rows."""
    rows = claim()
    try:
        publish(rows, publisher)
    except (DatabaseError, InterfaceError):
        raise
    except Exception as error:
        # The broker did not confirm. Soon again, and say why, so that staff see it in the admin.
        ids = [row.id for row in rows]
        soon = timezone.now() + timedelta(seconds=2)
        OutboxMessage.objects.filter(id__in=ids, state=OutboxMessage.State.OPEN, next_attempt_at__gt=soon).update(
            next_attempt_at=soon, last_error=f"broker: {error!r}"[:500]
        )
        raise
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
