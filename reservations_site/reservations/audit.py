"""The record of who did what, written in the transaction that did it."""

from typing import Any

from reservations_site.reservations.models import AuditEntry


def record(
    *, by: str, action: str, event_id: int | None = None, reservation_id: int | None = None, **detail: Any
) -> AuditEntry:
    """One entry in the caller's transaction: rolled back with it."""
    return AuditEntry.objects.create(
        by=by[:120], action=action, event_id=event_id, reservation_id=reservation_id, detail=detail
    )
