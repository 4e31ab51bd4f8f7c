"""The one place where a ticket changes its status.

PENDING_PAYMENT → PAID → USED; PAID → REFUNDED; PENDING_PAYMENT → EXPIRED. The row lock of the order
guards it: callers lock the order, then its tickets (`locks`), then look, then move.
"""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from billing_site.tickets import audit, generations
from billing_site.tickets.models import AuditEntry, Order, Ticket
from middleware_worker.contract.messages import TicketState
from middleware_worker.outbox.services import enqueue

Status = Ticket.Status

STEPS: dict[str, frozenset[str]] = {
    Status.PENDING_PAYMENT: frozenset({Status.PAID, Status.EXPIRED}),
    Status.PAID: frozenset({Status.USED, Status.REFUNDED}),
    Status.USED: frozenset(),
    Status.REFUNDED: frozenset(),
    Status.EXPIRED: frozenset(),
}
STAMPS: dict[str, str] = {
    Status.PAID: "paid_at",
    Status.USED: "used_at",
    Status.REFUNDED: "refunded_at",
    Status.EXPIRED: "expired_at",
}


class ImpossibleTransition(Exception):
    """The ticket cannot go from its status to the one that was asked for."""

    def __init__(self, ticket: Ticket, to: str) -> None:
        super().__init__(f"ticket {ticket.external_id} is {ticket.status} and cannot become {to}")
        self.ticket, self.to = ticket, to


def state(ticket: Ticket) -> TicketState:
    """The ticket's status and version, as the other programs get to know it."""
    return TicketState(
        id=ticket.external_id, status=Status(ticket.status).value, generation=ticket.generation, n=ticket.version
    )


def move(
    tickets: Sequence[Ticket],
    *,
    to: Ticket.Status,
    order: Order,
    by: str,
    reason: str = "",
    announce: bool = True,
    at: datetime | None = None,
) -> None:
    """Brings locked tickets of one locked order to a status; raises ImpossibleTransition and changes none.

    Each gets the next version and an audit row. `announce` tells reservations with one outbox row; it is
    off when reservations asked for the change itself and reads it in the answer.
    """
    for ticket in tickets:
        if to not in STEPS[ticket.status]:
            raise ImpossibleTransition(ticket, to)
    if not tickets:
        return
    at, generation = at or timezone.now(), generations.current()
    entries = []
    for ticket in tickets:
        came_from = ticket.status
        ticket.status = to
        ticket.version += 1
        ticket.generation = max(ticket.generation, generation)
        setattr(ticket, STAMPS[to], at)
        ticket.save(update_fields=["status", "version", "generation", STAMPS[to]])
        entries.append(
            audit.entry(
                f"ticket.{to.lower()}",
                by=by,
                order=order,
                ticket=ticket,
                reason=reason,
                detail={"from": came_from, "version": [ticket.generation, ticket.version]},
            )
        )
    AuditEntry.objects.bulk_create(entries)
    if announce and order.source == Order.Source.RESERVATIONS:
        states = [state(ticket).model_dump(mode="json") for ticket in tickets]
        enqueue(type="ticket.status", aggregate=order.code, payload={"order": order.code, "tickets": states})
