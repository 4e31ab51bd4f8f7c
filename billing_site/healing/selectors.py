"""The orders page by page, as a restored reservations needs them."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from billing_site.tickets.models import Order, Ticket
from billing_site.tickets.transitions import state
from middleware_worker.contract.healing import BilledOrder
from middleware_worker.contract.messages import Order as OrderMessage
from middleware_worker.contract.messages import SeatTicket

STAMPS = ("created_at", "paid_at", "used_at", "refunded_at", "expired_at")


def orders(*, after: int, limit: int, since: datetime | None = None) -> list[BilledOrder]:
    """Orders of reservations in the order in which they came, with their tickets as they are now."""
    rows = Order.objects.filter(source=Order.Source.RESERVATIONS, id__gt=after).order_by("id")
    if since is not None:
        changed = Q()
        for stamp in STAMPS:
            changed |= Q(**{f"{stamp}__gte": since})
        rows = rows.filter(id__in=Ticket.objects.filter(changed).values("order_id"))
    page = list(rows[:limit])
    tickets: dict[int, list[Ticket]] = {order.pk: [] for order in page}
    for ticket in Ticket.objects.filter(order__in=[order.pk for order in page]).order_by("id"):
        tickets[ticket.order_id].append(ticket)
    return [_shown(order, tickets[order.pk]) for order in page]


def _shown(order: Order, tickets: Sequence[Ticket]) -> BilledOrder:
    said = OrderMessage(
        order=order.code,
        rut=order.person_id,
        name=order.name,
        email=order.email,
        event_id=order.event_id or 0,
        event=order.event,
        venue=order.venue,
        starts_at=order.starts_at or order.created_at,
        reserved_at=order.reserved_at or order.created_at,
        expires_at=order.expires_at or order.created_at,
        tickets=[
            SeatTicket(
                id=ticket.external_id,
                seat_id=ticket.seat_id or 0,
                seat=ticket.seat,
                section=ticket.section,
                price=int(ticket.price),
            )
            for ticket in tickets
        ],
    )
    return BilledOrder(cursor=order.pk, order=said, tickets=[state(ticket) for ticket in tickets])
