"""Every row lock of event refunds. A row of one order is taken before that order, never after it."""

from datetime import datetime

from billing_site.event_refunds.models import EventRefund, OrderToEnd
from billing_site.tickets.locks import skips_locked


def event_refund(id: int) -> EventRefund:
    """The event's refund, locked. Raises EventRefund.DoesNotExist."""
    return EventRefund.objects.select_for_update().get(pk=id)


def due_order(id: int, *, now: datetime) -> OrderToEnd | None:
    """The row, locked, if it is still due; None when another worker has it in hand or has done it."""
    rows = OrderToEnd.objects.filter(pk=id, status=OrderToEnd.Status.DUE, next_try_at__lte=now)
    return rows.select_for_update(skip_locked=skips_locked()).first()
