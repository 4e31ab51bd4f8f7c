"""A restored reservations database adopts what billing knows, before it sells again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from middleware_worker.contract.healing import BilledOrder, billed_orders
from middleware_worker.contract.messages import SeatTicket, TicketState
from middleware_worker.outbox import closing
from middleware_worker.outbox.other_site import OtherSite
from middleware_worker.outbox.transactions import retrying
from reservations_site import clusters
from reservations_site.events.models import Seat
from reservations_site.healing import fence
from reservations_site.reservations import audit, locks
from reservations_site.reservations.models import Line, Reservation
from reservations_site.reservations.states import OVER, apply_ticket_states

CALLER = "adopted"


@dataclass
class Adopted:
    """How much was read, what was made again, and what people must look at."""

    read: int = 0
    made_again: int = 0
    problems: list[str] = field(default_factory=list)


def adopt(*, since: str = "", by: str, wait: Callable[[float], object] = time.sleep) -> Adopted:
    """Takes over every order that billing has, with this site closed meanwhile. Safe to run twice.

    It stays closed when it fails half way, and when there are problems: then people decide, and open it.
    """
    other = OtherSite()
    closing.close(reason=f"adopt, {by}")
    wait(closing.KNOWN_EVERYWHERE_SECONDS)
    found = Adopted()
    # In the order in which billing got them: a seat's earlier tickets end before the later one takes it.
    for order in other.orders(billed_orders, since=since):
        if order.order.event_id // clusters.SPAN != settings.CLUSTER:
            continue
        found.read += 1
        try:
            found.made_again += adopt_order(order, by=by)
        except (Unusable, IntegrityError) as error:
            found.problems.append(f"{order.order.order}: {error}")
    if not found.problems:
        closing.open_again()
    return found


class Unusable(Exception):
    """The order cannot be made again here; the sentence says why."""


@retrying
def adopt_order(known: BilledOrder, *, by: str) -> bool:
    """Brings one order to what billing says of it; whether the reservation had to be made again."""
    is_new = not Reservation.objects.filter(code=known.order.order).exists()
    if is_new:
        _make_again(known, by=by)
    newest = max((ticket.generation for ticket in known.tickets), default=0)
    if conflicts := apply_ticket_states(known.tickets):
        raise Unusable(f"the seat is another's: {', '.join(sorted(conflicts))}")
    if newest < fence.lowest():
        raise Unusable(f"billing is at generation {newest}, older than the fence: heal billing first")
    return is_new


def _make_again(known: BilledOrder, *, by: str) -> None:
    order, states = known.order, {ticket.id: ticket for ticket in known.tickets}
    seats = locks.seats([ticket.seat_id for ticket in order.tickets])
    known_seats = set(Seat.objects.filter(id__in=list(seats), event_id=order.event_id).values_list("id", flat=True))
    if missing := [ticket.seat for ticket in order.tickets if ticket.seat_id not in known_seats]:
        raise Unusable(f"event {order.event_id} has no seats {', '.join(missing)} in this database")
    now = timezone.now()
    reservation = Reservation.objects.create(
        code=order.order,
        event_id=order.event_id,
        rut=order.rut,
        name=order.name,
        email=order.email,
        caller=CALLER,
        created_at=order.reserved_at,
        expires_at=order.expires_at,
    )

    def line(ticket: SeatTicket, state: TicketState | None) -> Line:
        over = state is not None and state.status in OVER
        return Line(
            reservation=reservation,
            seat_id=ticket.seat_id,
            ticket_id=ticket.id,
            price=ticket.price,
            status=Line.Status.RELEASED if over else Line.Status.HELD,
            changed_at=now,
        )

    lines = [line(ticket, states.get(ticket.id)) for ticket in order.tickets]
    with transaction.atomic():
        Line.objects.bulk_create(lines)
    live = [made.seat_id for made in lines if made.status == Line.Status.HELD]
    Seat.objects.filter(id__in=live).update(status=Seat.Status.RESERVED)
    audit.record(by=by, action="adopted", event_id=order.event_id, reservation_id=reservation.id)
