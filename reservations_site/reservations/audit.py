"""The record of who did what, written in the transaction that did it."""

from collections.abc import Collection, Iterable
from typing import Any

from reservations_site.reservations.models import AuditEntry


def record(
    *, by: str, action: str, event_id: int | None = None, reservation_id: int | None = None, **detail: Any
) -> AuditEntry:
    """One entry in the caller's transaction: rolled back with it."""
    return AuditEntry.objects.create(
        by=by[:120], action=action, event_id=event_id, reservation_id=reservation_id, detail=detail
    )


def record_all(entries: Iterable[AuditEntry]) -> None:
    """Many entries at once in the caller's transaction."""
    AuditEntry.objects.bulk_create(entries, batch_size=500)


def who_cancelled(event_ids: Collection[int]) -> dict[int, str]:
    """Who cancelled each of these events, as far as it was recorded."""
    entries = AuditEntry.objects.filter(event_id__in=event_ids, action="event_cancelled").order_by()
    return dict(entries.values_list("event_id", "by"))
