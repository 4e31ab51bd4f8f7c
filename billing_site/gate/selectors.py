"""The list that a gate's device holds: what it needs to decide alone, and nothing of who the people are."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import get_language

from billing_site.documents import wording
from billing_site.gate.models import Entry
from billing_site.tickets import scan as scans
from billing_site.tickets import signing
from billing_site.tickets.models import AuditEntry, Ticket
from billing_site.tickets.scan import GateEvent

# What a transaction wrote at a moment may be seen a little later; a device that gets a row twice does no harm.
OVERLAP = timedelta(seconds=60)
DOUBLES_SHOWN = 20


def digest(text: str) -> str:
    """How the list names a ticket or an order: whoever finds the telephone cannot type what is in it."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def open_events() -> list[GateEvent]:
    """The events that gates may admit now, the nearest first."""
    return scans.gate_events(now=timezone.now())


def open_event(key: str) -> GateEvent | None:
    """The event that gates may admit now, by its key."""
    return next((event for event in open_events() if event.key == key), None)


def tag(event: GateEvent) -> str:
    """Changes with whatever `gate_list` says, apart from its moment. Every step of a ticket counts its version up."""
    tickets = scans.tickets_of(event).aggregate(Count("pk"), Sum("version"), Sum("generation"), Max("pk"))
    doubles = conflicts(event).aggregate(Count("pk"), Max("pk"))
    parts = [event, tickets, doubles, signing.public_keys(), settings.GATE_ADMITS_UNLISTED, get_language()]
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def gate_list(event: GateEvent, *, since: datetime | None) -> dict[str, Any]:
    """Keys, tickets, counts and conflicts of the event; of the tickets only what changed, with `since`."""
    moment, progress = timezone.now(), scans.progress(event)
    rows = scans.tickets_of(event)
    total = rows.count()
    if since is not None:
        changed = AuditEntry.objects.filter(at__gte=since - OVERLAP).exclude(ticket=None).values("ticket_id")
        rows = rows.filter(Q(created_at__gte=since - OVERLAP) | Q(pk__in=changed))
    found = conflicts(event)
    return {
        "event": {"key": event.key, "name": event.name, "references": event.references},
        "moment": moment,
        "keys": signing.public_keys(),
        "admits_unlisted": settings.GATE_ADMITS_UNLISTED,
        "whole": since is None,
        "total": total,
        "tickets": _listed(rows),
        "counts": {"admitted": progress.admitted, "left": progress.left},
        "doubles": {"count": found.count(), "latest": shown(found[:DOUBLES_SHOWN])},
    }


def _listed(rows: QuerySet[Ticket]) -> list[list[Any]]:
    """One list a ticket: number, digests of id and order, status, generation, version, place, used at, gate."""
    columns = rows.order_by("pk").values_list(
        "pk", "external_id", "order__code", "status", "generation", "version", "section", "seat",
        "admission__at", "admission__gate",
    )  # fmt: skip
    return [
        [
            pk, digest(ticket), digest(order), status, generation, version,
            wording.seat_line(section=section, seat=seat), at, gate or "",
        ]
        for pk, ticket, order, status, generation, version, section, seat, at, gate in columns.iterator()
    ]  # fmt: skip


def conflicts(event: GateEvent | None = None) -> QuerySet[Entry]:
    """Entries that billing could not count as the one admission of their ticket, the last one first."""
    found = Entry.objects.exclude(outcome=Entry.Outcome.IN)
    if event is not None:
        found = found.filter(Q(ticket__in=scans.tickets_of(event)) | Q(event=event.name))
    return found.order_by("-received_at", "-id")


def shown(entries: Iterable[Entry] | QuerySet[Entry]) -> list[dict[str, Any]]:
    """Conflicts as devices and the staff's page show them, with the admission that billing counts."""
    if isinstance(entries, QuerySet):
        entries = entries.select_related("ticket__admission", "ticket__order", "ticket__person")
    return [
        {
            "id": str(entry.uuid),
            "number": entry.ticket_id,
            "place": wording.seat_line(section=entry.ticket.section, seat=entry.ticket.seat)
            if entry.ticket
            else entry.named,
            "outcome": entry.outcome,
            "gate": entry.gate,
            "at": entry.at,
            "device": str(entry.device),
            "first": _first(entry.ticket),
        }
        for entry in entries
    ]


def _first(ticket: Ticket | None) -> dict[str, Any] | None:
    admission = getattr(ticket, "admission", None)
    return {"gate": admission.gate, "at": admission.at} if admission else None
