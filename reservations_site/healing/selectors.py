"""The reservations page by page, as billing needs them to heal and to compare."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from middleware_worker.contract.healing import LineState, ReservedOrder
from middleware_worker.contract.messages import Order
from middleware_worker.outbox.models import OutboxMessage
from reservations_site.reservations.messages import order_payload
from reservations_site.reservations.models import Line, Reservation
from reservations_site.reservations.selectors import Booking


def orders(*, after: int, limit: int, since: datetime | None = None) -> list[ReservedOrder]:
    """Reservations in the order in which they were made, so that a seat's earlier ones come first."""
    rows = Reservation.objects.filter(id__gt=after).order_by("id").select_related("event__venue")
    if since is not None:
        changed = Line.objects.filter(changed_at__gte=since).values("reservation_id")
        rows = rows.filter(Q(created_at__gte=since) | Q(id__in=changed))
    page = list(rows.using("default")[:limit])
    lines: dict[int, list[Line]] = {reservation.id: [] for reservation in page}
    for line in Line.objects.filter(reservation__in=page).select_related("seat__section").order_by("seat_id"):
        lines[line.reservation_id].append(line)
    unsettled = OutboxMessage.objects.exclude(state=OutboxMessage.State.RECEIPTED)
    open_ones = set(unsettled.filter(aggregate__in=[r.code for r in page]).values_list("aggregate", flat=True))
    return [_shown(Booking(r, lines[r.id]), is_open=r.code in open_ones) for r in page if lines[r.id]]


def unknown(codes: Sequence[str]) -> list[str]:
    """Those of the codes that no reservation has."""
    known = set(Reservation.objects.filter(code__in=codes).values_list("code", flat=True))
    return [code for code in codes if code not in known]


def _shown(booking: Booking, *, is_open: bool) -> ReservedOrder:
    lines = [
        LineState(
            ticket=line.ticket_id,
            line=line.status,
            status=line.ticket_status,
            generation=line.generation,
            n=line.version,
        )
        for line in booking.lines
    ]
    order = Order.model_validate(order_payload(booking))
    return ReservedOrder(cursor=booking.reservation.id, order=order, lines=lines, open=is_open)
