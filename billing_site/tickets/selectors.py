"""Reads of orders and tickets that more than one caller needs."""

from django.db.models import QuerySet
from django.utils import timezone

from billing_site.accounts.authentication import Caller
from billing_site.accounts.claims import as_stored, visible_orders
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.tickets.models import Order, Ticket

Status = Ticket.Status


def tickets_for(caller: Caller) -> QuerySet[Ticket]:
    """The tickets that the caller may see: a customer's own, staff and programs all."""
    every = Ticket.objects.select_related("order").order_by("-created_at", "-id")
    if caller.customer is not None:
        return every.filter(order__in=Order.objects.filter(visible_orders(caller.customer)))
    return every if caller.staff is not None or caller.service else every.none()


def ticket_for(caller: Caller, external_id: str, *, booking_code: str = "") -> Ticket | None:
    """The ticket, if the caller may act on it. To the portal a booking code proves what it names, and no more."""
    found = Ticket.objects.select_related("order").filter(external_id=external_id).first()
    if found is None:
        return None
    if caller.is_portal and booking_code and as_stored(booking_code) == found.order.code:
        return found
    if caller.is_portal and caller.customer is None:
        return None
    return found if tickets_for(caller).filter(pk=found.pk).exists() else None


def order_for(caller: Caller, code: str) -> Order | None:
    """The order. The portal may ask for any: whoever has the code has the proof."""
    orders = Order.objects.filter(code=as_stored(code))
    if caller.customer is not None and not caller.is_portal:
        orders = orders.filter(visible_orders(caller.customer))
    elif caller.staff is None and not caller.is_portal:
        return None
    return orders.first()


def order_status(order: Order, tickets: list[Ticket]) -> str:
    """pending, paying, paid, expired, refunded, or mixed when its tickets went different ways."""
    statuses = {ticket.status for ticket in tickets}
    if statuses == {Status.PENDING_PAYMENT}:
        return "paying" if _is_paying(order) else "pending"
    if statuses and statuses <= {Status.PAID, Status.USED}:
        return "paid"
    return {frozenset({Status.EXPIRED}): "expired", frozenset({Status.REFUNDED}): "refunded"}.get(
        frozenset(Status(status) for status in statuses), "mixed"
    )


def latest_attempt(order: Order) -> PaymentAttempt | None:
    """The order's last attempt to pay, None when nobody has tried."""
    return order.attempts.order_by("-created_at", "-id").first()


def refunds_of(tickets: list[Ticket]) -> dict[int, Refund]:
    """The refund of each ticket that has one, by the ticket's pk, with the payment it belongs to; one query or none."""
    refunded = [ticket.pk for ticket in tickets if ticket.status == Status.REFUNDED]
    found = Refund.objects.filter(ticket__in=refunded).select_related("attempt") if refunded else ()
    return {refund.ticket_id: refund for refund in found if refund.ticket_id is not None}


def is_refundable(ticket: Ticket) -> bool:
    """Whether its buyer may give it back without asking staff: it is paid, and the event has not begun."""
    starts_at = ticket.order.starts_at
    return ticket.status == Status.PAID and (starts_at is None or starts_at > timezone.now())


def _is_paying(order: Order) -> bool:
    return order.attempts.filter(status__in=PaymentAttempt.OPEN).exists()
