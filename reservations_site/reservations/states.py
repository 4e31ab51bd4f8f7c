"""Applying what billing says of tickets. Only this frees a seat, or makes it sold."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils import timezone

from middleware_worker.contract.messages import OUR_PREFIX, TicketState
from middleware_worker.outbox.transactions import retrying
from reservations_site.events.models import Seat
from reservations_site.healing import fence
from reservations_site.reservations import audit, locks
from reservations_site.reservations.models import Line

log = logging.getLogger(__name__)

TAKEN = {"PAID", "USED"}
OVER = {"REFUNDED", "EXPIRED"}


@dataclass
class Changes:
    """What a batch of states does to lines and seats, gathered under the locks and then written."""

    live: dict[int, int]
    told: dict[int, Line] = field(default_factory=dict)
    seats: dict[int, str] = field(default_factory=dict)
    entries: list[tuple[str, Line, TicketState]] = field(default_factory=list)
    conflicts: set[str] = field(default_factory=set)

    def apply(self, line: Line, state: TicketState) -> None:
        """A newer state, whatever the step from the line's own; an older one does nothing."""
        if state.version <= (line.generation, line.version):
            return
        owner = self.live.get(line.seat_id)
        if state.status in TAKEN and owner not in (None, line.id):
            self.conflicts.add(state.id)
            self.entries.append(("seat_conflict", line, state))
            return
        line.generation, line.version, line.ticket_status = state.generation, state.n, state.status
        self.told[line.id] = line
        if state.status in TAKEN:
            self._confirm(line, state)
        elif state.status in OVER and line.status != Line.Status.RELEASED:
            self._release(line, state)

    def _confirm(self, line: Line, state: TicketState) -> None:
        if line.status != Line.Status.CONFIRMED:
            self.entries.append(("confirmed", line, state))
            line.status = Line.Status.CONFIRMED
        self.live[line.seat_id] = line.id
        self.seats[line.seat_id] = Seat.Status.SOLD

    def _release(self, line: Line, state: TicketState) -> None:
        """The line is the live one of its seat (a constraint says so), so the seat is freed this once."""
        self.entries.append(("released", line, state))
        line.status = Line.Status.RELEASED
        del self.live[line.seat_id]
        self.seats[line.seat_id] = Seat.Status.AVAILABLE


@retrying
def apply_ticket_states(states: Iterable[TicketState]) -> set[str]:
    """Applies billing's states in one transaction; the ids of tickets whose seat is another's by now.

    Those change nothing but an audit entry. Tickets that are not ours (outside sellers') are passed over.
    """
    by_ticket = list(states)
    if not by_ticket:
        return set()
    lowest = fence.lowest()
    by_ticket = [state for state in by_ticket if state.generation >= lowest]
    ids = {state.id for state in by_ticket}
    about = list(Line.objects.filter(ticket_id__in=ids).values_list("ticket_id", "reservation_id", "seat_id"))
    unknown = ids - {ticket for ticket, _reservation, _seat in about}
    if others := sorted(ticket for ticket in unknown if not ticket.startswith(OUR_PREFIX)):
        log.info("tickets of outside sellers, passed over: %s", ", ".join(others[:20]))
    if lost := sorted(ticket for ticket in unknown if ticket.startswith(OUR_PREFIX)):
        # Only a restored backup can have forgotten them.
        log.error("tickets of ours that this database does not know: %s", ", ".join(lost[:20]))
    locks.reservations({reservation for _ticket, reservation, _seat in about})
    seat_ids = {seat for _ticket, _reservation, seat in about}
    locks.seats(seat_ids)
    # Read again: before the locks they may have been in other hands.
    lines = {
        line.ticket_id: line for line in Line.objects.filter(ticket_id__in=ids).select_related("reservation", "seat")
    }
    live = dict(Line.objects.filter(seat_id__in=seat_ids, status__in=Line.LIVE).values_list("seat_id", "id"))
    changes = Changes(live)
    for state in sorted(by_ticket, key=lambda state: state.version):
        if (line := lines.get(state.id)) is not None:
            changes.apply(line, state)
    _write(changes)
    return changes.conflicts


def _write(changes: Changes) -> None:
    now = timezone.now()
    for line in changes.told.values():
        line.changed_at = now
    told = ["status", "ticket_status", "generation", "version", "changed_at"]
    # Releases before confirmations: the constraint is checked row by row.
    for releases in (True, False):
        some = [line for line in changes.told.values() if (line.status == Line.Status.RELEASED) == releases]
        Line.objects.bulk_update(some, told, batch_size=200)
    for status in (Seat.Status.AVAILABLE, Seat.Status.SOLD):
        ids = [seat for seat, becomes in changes.seats.items() if becomes == status]
        if ids:
            Seat.objects.filter(id__in=ids).update(status=status)
    for action, line, state in changes.entries:
        if action == "seat_conflict":
            log.error("ticket %s is %s, but its seat is another's by now", state.id, state.status)
        audit.record(
            by="billing",
            action=action,
            event_id=line.reservation.event_id,
            reservation_id=line.reservation_id,
            seat=line.seat.label,
            ticket=line.ticket_id,
            status=state.status,
            version=[state.generation, state.n],
        )
