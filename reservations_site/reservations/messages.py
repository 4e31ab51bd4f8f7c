"""What this site tells billing of a reservation, and what it makes of billing's messages."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from pydantic import ValidationError

from middleware_worker.contract.messages import Answer, Order, SeatTicket, TicketState, to_reservations
from middleware_worker.outbox.transactions import confirm_replicated
from reservations_site import clusters
from reservations_site.reservations.models import Line
from reservations_site.reservations.selectors import Booking
from reservations_site.reservations.states import apply_ticket_states

log = logging.getLogger(__name__)


def order_payload(booking: Booking) -> dict[str, Any]:
    """The order with all its tickets, seats and prices frozen, as both ticket.create and ticket.expire carry it."""
    reservation, event = booking.reservation, booking.reservation.event
    order = Order(
        order=reservation.code,
        rut=reservation.rut,
        name=reservation.name,
        email=reservation.email,
        event_id=event.id,
        event=event.name,
        venue=event.venue.name,
        starts_at=event.starts_at,
        reserved_at=reservation.created_at,
        expires_at=reservation.expires_at,
        tickets=[
            SeatTicket(
                id=line.ticket_id,
                seat_id=line.seat_id,
                seat=line.seat.label,
                section=line.seat.section.name,
                price=int(line.price),
            )
            for line in booking.lines
        ],
    )
    return order.model_dump(mode="json")


def receive(items: Iterable[dict[str, Any]]) -> list[Answer]:
    """One answer a message, in order; a message that cannot be used is rejected and spoils no other."""
    found: list[tuple[str, list[TicketState] | None, str]] = []
    for item in items:
        name = str(item.get("id", ""))[:100]
        try:
            message = to_reservations.validate_python(item)
        except ValidationError as error:
            found.append((name, None, _reasons(error)))
        else:
            found.append((str(message.id), message.tickets, ""))
    conflicts, unsure = _apply([state for _name, states, _why in found for state in states or ()])
    answers = []
    for name, states, why in found:
        if states is None:
            answers.append(Answer(id=name, result="rejected", code="invalid", error=why))
        elif any(state.id in unsure for state in states):
            answers.append(Answer(id=name, result="retry", code="unavailable"))
        elif refused := sorted({state.id for state in states} & conflicts):
            sentence = _("El asiento ya es de otra reserva: %s") % ", ".join(refused)
            answers.append(Answer(id=name, result="rejected", code="seat_conflict", error=sentence))
        else:
            answers.append(Answer(id=name, result="done"))
    return answers


def _apply(states: Sequence[TicketState]) -> tuple[set[str], set[str]]:
    """Tickets whose seat is another's by now; and those of which nothing is known, since a cluster does not answer."""
    left, conflicts = {state.id for state in states}, set[str]()

    def here() -> None:
        # Where there is one cluster all are its own, also what only `apply_ticket_states` can tell that it is not.
        mine = left
        if clusters.count() > 1:
            mine = set(Line.objects.filter(ticket_id__in=left).values_list("ticket_id", flat=True))
        conflicts.update(apply_ticket_states([state for state in states if state.id in mine]))
        # The answer is a promise, also of what an earlier delivery applied without a confirmed COMMIT.
        confirm_replicated()
        left.difference_update(list(mine))

    _done, lost = clusters.reached(here)
    return conflicts, left if lost else set()


def _reasons(error: ValidationError) -> str:
    reasons = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors(include_url=False)]
    log.warning("message rejected: %s", "; ".join(reasons))
    return "; ".join(reasons)[:500]
