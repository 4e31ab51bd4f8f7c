"""Who did what, written in the transaction that does it."""

from typing import Any

from billing_site.accounts.models import Person
from billing_site.tickets.models import AuditEntry, Order, Ticket


def entry(
    action: str,
    *,
    by: str,
    order: Order | None = None,
    ticket: Ticket | None = None,
    person: Person | None = None,
    reason: str = "",
    **fields: Any,
) -> AuditEntry:
    """An audit row that is not saved yet."""
    return AuditEntry(
        action=action, by=by[:120], order=order, ticket=ticket, person=person, reason=reason[:300], **fields
    )


def record(
    action: str,
    *,
    by: str,
    order: Order | None = None,
    ticket: Ticket | None = None,
    person: Person | None = None,
    reason: str = "",
    **fields: Any,
) -> None:
    """Writes an audit row."""
    entry(action, by=by, order=order, ticket=ticket, person=person, reason=reason, **fields).save(force_insert=True)
