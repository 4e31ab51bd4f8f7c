"""Writing to the outbox, and settling its rows by what the other side answered."""

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from middleware_worker.contract.messages import Answer, TicketState
from middleware_worker.outbox import locks
from middleware_worker.outbox.metrics import carried
from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.transactions import retrying

State = OutboxMessage.State

# After a "wait" or a "retry" the relay sends the row again this much later.
ASK_AGAIN = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=15)
# A new row is due at once, also for a relay on a machine whose clock is behind; and before older ones that
# are tried again.
CLOCKS_APART = timedelta(minutes=5)


def enqueue(*, type: str, aggregate: str, payload: dict[str, Any]) -> OutboxMessage:
    """A message for the other site, in the caller's transaction: rolled back with it, sent after it."""
    now = timezone.now()
    return OutboxMessage.objects.create(
        type=type, aggregate=aggregate, payload=payload, created_at=now, next_attempt_at=now - CLOCKS_APART
    )


class Message(NamedTuple):
    """What `enqueue_all` is given of each message."""

    type: str
    aggregate: str
    payload: dict[str, Any]


def enqueue_all(messages: Iterable[Message]) -> None:
    """Many messages at once, as `enqueue` writes one."""
    now = timezone.now()
    OutboxMessage.objects.bulk_create(
        (OutboxMessage(**m._asdict(), created_at=now, next_attempt_at=now - CLOCKS_APART) for m in messages),
        batch_size=500,
    )


def settle(answers: Iterable[Answer]) -> int:
    """Settles rows by the other side's answers; how many were settled.

    The states in an answer are applied and the row is closed in one transaction: the receipt *is*
    the answer. A receipt that comes twice, or for a row that is no longer there, does nothing.
    """
    settled, took = _settle(_by_row(answers), now=timezone.now())
    for seconds in took:
        carried.observe(seconds)
    return settled


@retrying
def _settle(by_id: dict[UUID, Answer], *, now: datetime) -> tuple[int, list[float]]:
    """How many rows were settled, and how long the receipted ones were on their way."""
    states: list[TicketState] = []
    done, took, settled = [], [], 0
    for row in locks.unsettled(by_id):
        answer = by_id[row.id]
        if answer.result == "done":
            states += answer.tickets
            done.append(row.id)
            took.append(max(0.0, (now - row.created_at).total_seconds()))
        elif row.state == State.OPEN:
            settled += answer.result == "rejected"
            _not_done(row, answer, now)
    if states:
        import_string(settings.OUTBOX_APPLY)(states)
    OutboxMessage.objects.filter(id__in=done).update(state=State.RECEIPTED, receipted_at=now, last_error="")
    return settled + len(done), took


def _by_row(answers: Iterable[Answer]) -> dict[UUID, Answer]:
    """The answers by row; an id that no row of ours can have is passed over."""
    found: dict[UUID, Answer] = {}
    for answer in answers:
        with contextlib.suppress(ValueError):
            found[UUID(answer.id)] = answer
    return found


def _not_done(row: OutboxMessage, answer: Answer, now: datetime) -> None:
    if answer.result == "rejected":
        row.state, row.last_error = State.REJECTED, f"{answer.code}: {answer.error}"
    else:
        row.next_attempt_at = now + min(LONGEST_PAUSE, ASK_AGAIN * 2 ** min(row.attempts, 5))
        row.last_error = answer.error or answer.code or answer.result
    row.save(update_fields=["state", "next_attempt_at", "last_error"])


@retrying
def replay(*, id: str, by: str) -> bool:
    """Sends a rejected or discarded row again; False when there is no such row."""
    changed = OutboxMessage.objects.filter(id=id, state__in=[State.REJECTED, State.DISCARDED]).update(
        state=State.OPEN, next_attempt_at=timezone.now(), attempts=0, last_error=f"replayed by {by}"
    )
    return bool(changed)


@retrying
def discard(*, id: str, by: str) -> bool:
    """Puts a rejected row aside for good; False when there is no such row."""
    changed = OutboxMessage.objects.filter(id=id, state=State.REJECTED).update(
        state=State.DISCARDED, last_error=f"discarded by {by}"
    )
    return bool(changed)


def prune(*, older_than: timedelta, limit: int = 1000) -> int:
    """Deletes at most `limit` receipted rows that are older; how many went.

    They must outlive the oldest backup of the *other* side that one may have to restore.
    """
    old = OutboxMessage.objects.filter(
        state=State.RECEIPTED,
        next_attempt_at__lt=timezone.now() - older_than,
        receipted_at__lt=timezone.now() - older_than,
    ).values_list("id", flat=True)[:limit]
    return OutboxMessage.objects.filter(id__in=list(old)).delete()[0]
