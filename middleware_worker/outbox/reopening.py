"""Receipted rows again, when the side that gave the receipts has lost what it promised to keep."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.transactions import retrying

State = OutboxMessage.State
CHUNK = 1000


def reopen(*, since: datetime | None = None, aggregates: Collection[str] | None = None) -> int:
    """Opens receipted rows so that they are carried again; how many. The other side finds what it has by its ids.

    All that are kept, or those receipted since a moment, or those about some orders. Safe to run twice.
    """
    rows = OutboxMessage.objects.filter(state=State.RECEIPTED)
    if since is not None:
        rows = rows.filter(receipted_at__gte=since)
    if aggregates is not None:
        rows = rows.filter(aggregate__in=list(aggregates))
    count = 0
    # What was opened is receipted no more, so each look finds the next ones.
    while ids := list(rows.order_by("receipted_at").values_list("id", flat=True)[:CHUNK]):
        count += _open(ids)
    return count


@retrying
def _open(ids: list[UUID]) -> int:
    rows = OutboxMessage.objects.filter(id__in=ids, state=State.RECEIPTED)
    return rows.update(
        state=State.OPEN, next_attempt_at=timezone.now(), receipted_at=None, published_at=None, attempts=0
    )
