"""Refunding a whole event, order by order. Any number of workers may share it, and any may die at any moment.

The rule itself is `tickets.services.expire_order`, the one that reservations' message about a cancelled
event runs into too: whichever comes second to an order finds nothing left to do.
"""

import logging
from datetime import datetime, timedelta

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from billing_site.event_refunds import locks, reservations
from billing_site.event_refunds.models import EventRefund, OrderToEnd
from billing_site.event_refunds.selectors import Subject, tickets_of
from billing_site.tickets import audit
from billing_site.tickets.models import Order, Ticket
from billing_site.tickets.services import PaymentInFlight, expire_order
from middleware_worker.outbox.transactions import retrying

log = logging.getLogger(__name__)

Status = EventRefund.Status
# A payment whose outcome is unknown is asked about by another job; then the order is tried again.
ASK_AGAIN = timedelta(seconds=5)
LISTED_AT_ONCE = 500


class Refused(ValueError):
    """It cannot be done now; the text says why."""


@retrying
def start(*, subject: Subject, reason: str, by: str) -> EventRefund:
    """The refund of the event: a new one, or the one that is live already."""
    live = EventRefund.objects.filter(subject=subject.value, status__in=EventRefund.LIVE)
    found = live.first()
    if found is not None:
        return found
    try:
        # Outside sellers close their sales themselves: there is nothing to wait for.
        begins = Status.RUNNING if subject.event_id is None else Status.CLOSING
        with transaction.atomic():
            row = EventRefund.objects.create(
                subject=subject.value,
                event_id=subject.event_id,
                event=subject.event,
                status=begins,
                reason=reason[:300],
                by=by[:120],
            )
    except IntegrityError:
        # Somebody was quicker.
        return live.get()
    _record("started", row, by=by, reason=reason)
    return row


@retrying
def pause(*, refund: EventRefund, by: str) -> EventRefund:
    """Stops after the orders that are in hand; what reservations asks for about this event waits too."""
    return _switch(refund, to=Status.PAUSED, unless={Status.PAUSED, Status.DONE}, action="paused", by=by)


@retrying
def resume(*, refund: EventRefund, by: str) -> EventRefund:
    """Goes on where it stopped."""
    begun = refund.event_id is None or refund.closed_at is not None
    to = Status.RUNNING if begun else Status.CLOSING
    unless = {Status.CLOSING, Status.RUNNING, Status.DONE}
    return _switch(refund, to=to, unless=unless, action="resumed", by=by)


@retrying
def try_again(*, refund: EventRefund, by: str) -> int:
    """Tries once more what a person had to look at; how many orders. Raises Refused while another one is live."""
    row = locks.event_refund(refund.pk)
    others = EventRefund.objects.filter(subject=row.subject, status__in=EventRefund.LIVE).exclude(pk=row.pk)
    if others.exists():
        raise Refused(_("Hay otro reembolso de este evento en marcha"))
    left = row.orders.filter(status=OrderToEnd.Status.LOOK)
    count = left.update(status=OrderToEnd.Status.DUE, next_try_at=timezone.now(), note="")
    if count and row.status == Status.DONE:
        row.status, row.finished_at = Status.RUNNING, None
        row.save(update_fields=["status", "finished_at"])
    if count:
        _record("tried_again", row, by=by, orders=count)
    return count


def work(limit: int = 50) -> int:
    """Goes on with every refund that is live; how many orders were listed or ended just now."""
    done = 0
    for refund in EventRefund.objects.filter(status__in=[Status.CLOSING, Status.RUNNING]).order_by("id"):
        if refund.status == Status.CLOSING:
            # Listed before the sale closes: then reservations asks too, and ends orders that the report must count.
            done += _list(refund) or _begin_when_closed(refund)
        else:
            done += _end_some(refund, limit) or _list(refund) or _finish(refund.pk)
    return done


def _begin_when_closed(refund: EventRefund) -> int:
    if reservations.event_status(refund.event_id or 0) != reservations.CANCELLED:
        return 0
    row = _switch(refund, to=Status.RUNNING, unless={Status.RUNNING, Status.PAUSED, Status.DONE}, action="closed")
    return int(row.status == Status.RUNNING)


def _end_some(refund: EventRefund, limit: int) -> int:
    due = refund.orders.filter(status=OrderToEnd.Status.DUE, next_try_at__lte=timezone.now())
    return sum(_end(row_id) for row_id in list(due.order_by("id").values_list("id", flat=True)[:limit]))


def _end(row_id: int) -> bool:
    """Ends one order; False when it was not for us to do. A failure of its own does not stop the others."""
    try:
        return _end_locked(row_id)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("order row %s of an event's refund", row_id)
        return _needs_a_person(row_id, f"{type(error).__name__}: {error}")


@retrying
def _end_locked(row_id: int) -> bool:
    now = timezone.now()
    row = locks.due_order(row_id, now=now)
    if row is None or row.refund.status != Status.RUNNING:
        return False
    refund = row.refund
    try:
        tickets = expire_order(order=Order(pk=row.order_id), by=refund.by, reason=refund.reason, refund_paid=True)
    except PaymentInFlight:
        row.next_try_at, row.note = now + ASK_AGAIN, _("espera el resultado de un pago")
        row.save(update_fields=["next_try_at", "note"])
        return False
    _count(row, tickets, since=refund.created_at)
    row.save()
    return True


def _count(row: OrderToEnd, tickets: list[Ticket], *, since: datetime) -> None:
    refunded = [t for t in tickets if t.refunded_at is not None and t.refunded_at >= since]
    row.refunded, row.money = len(refunded), sum(t.price for t in refunded)
    row.expired = sum(t.expired_at is not None and t.expired_at >= since for t in tickets)
    row.used = sum(t.status == Ticket.Status.USED for t in tickets)
    row.status = OrderToEnd.Status.LOOK if row.used else OrderToEnd.Status.DONE
    row.note = _("ya entraron: no se reembolsan por sí solos") if row.used else ""


@retrying
def _needs_a_person(row_id: int, note: str) -> bool:
    row = locks.due_order(row_id, now=timezone.now())
    if row is None:
        return False
    row.status, row.note = OrderToEnd.Status.LOOK, note[:200]
    row.save(update_fields=["status", "note"])
    return True


@retrying
def _list(refund: EventRefund) -> int:
    """Takes up orders that are not in it yet; how many. Also those that arrived after it began."""
    # Under the lock that `_finish` takes, so that nothing is listed in one that is over.
    if locks.event_refund(refund.pk).status not in {Status.CLOSING, Status.RUNNING}:
        return 0
    known = refund.orders.values("order_id")
    rows = tickets_of(refund).filter(status__in=Ticket.LIVE).exclude(order__in=known)
    found = rows.order_by("order_id").values_list("order_id", "event")
    ids = {order_id for order_id, event in found if refund.event_id is not None or event == refund.event}
    chunk = sorted(ids)[:LISTED_AT_ONCE]
    # INSERT IGNORE, in id order: two workers that list at once write each order once.
    OrderToEnd.objects.bulk_create([OrderToEnd(refund=refund, order_id=n) for n in chunk], ignore_conflicts=True)
    return len(chunk)


@retrying
def _finish(id: int) -> int:
    row = locks.event_refund(id)
    if row.status == Status.RUNNING and not row.orders.filter(status=OrderToEnd.Status.DUE).exists():
        row.status, row.finished_at = Status.DONE, timezone.now()
        row.save(update_fields=["status", "finished_at"])
        _record("finished", row, by="job")
    return 0


@retrying
def _switch(refund: EventRefund, *, to: str, unless: set[Status], action: str, by: str = "job") -> EventRefund:
    row = locks.event_refund(refund.pk)
    if row.status in unless:
        return row
    row.status = to
    if action == "closed":
        row.closed_at = timezone.now()
    row.save(update_fields=["status", "closed_at"])
    _record(action, row, by=by)
    return row


def _record(action: str, row: EventRefund, *, by: str, reason: str = "", **more: int) -> None:
    detail = {"event_refund": row.pk, "event": row.event, "event_id": row.event_id, **more}
    audit.record(f"event_refund.{action}", by=by, reason=reason or row.reason, detail=detail)
