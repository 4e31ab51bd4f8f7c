"""Every row lock on orders and tickets. Always the order first, then its tickets in id order."""

from datetime import datetime

from django.db import connection

from billing_site.accounts.models import Person
from billing_site.tickets.models import Order, Ticket


def order(id: int) -> Order:
    """The order, locked: the lock of all its tickets. Raises Order.DoesNotExist."""
    return Order.objects.select_for_update().get(pk=id)


def order_by_code(code: str) -> Order | None:
    """The order with this code, locked; None when billing has not heard of it."""
    return Order.objects.select_for_update().filter(code=code).first()


def orders_of(person: Person) -> list[Order]:
    """Every order of the person, locked, in id order."""
    return list(Order.objects.select_for_update().filter(person=person).order_by("id"))


def tickets_of(order: Order) -> list[Ticket]:
    """The tickets of a locked order, locked, in id order."""
    return list(Ticket.objects.select_for_update().filter(order=order).order_by("id"))


def ticket_with_order(external_id: str) -> tuple[Order, Ticket] | None:
    """A ticket and its order, locked in that order: order, ticket. None when there is no such ticket."""
    found = Ticket.objects.filter(external_id=external_id).values_list("id", "order_id").first()
    if found is None:
        return None
    ticket_id, order_id = found
    locked = order(order_id)
    return locked, Ticket.objects.select_for_update().get(pk=ticket_id)


def overdue_seatless(*, now: datetime, limit: int) -> list[int]:
    """Ids of outside orders whose time to pay is over, not locked: each is locked when it is expired."""
    overdue = Ticket.objects.filter(
        status=Ticket.Status.PENDING_PAYMENT, order__source=Order.Source.OUTSIDE, order__expires_at__lte=now
    )
    return sorted(set(overdue.order_by("order__expires_at").values_list("order_id", flat=True)[:limit]))


def skips_locked() -> bool:
    """Whether the database can pass over rows that somebody else is working on."""
    return connection.features.has_select_for_update_skip_locked
