"""Asking billing to end a reservation. The seats stay reserved until its answer: it alone knows what is paid."""

import logging
from datetime import datetime
from typing import Literal

from django.utils import timezone

from middleware_worker.outbox.services import enqueue
from middleware_worker.outbox.transactions import confirm_replicated, retrying
from reservations_site.events.models import Event
from reservations_site.reservations import audit, locks, refusals, selectors
from reservations_site.reservations.failover import through_failover
from reservations_site.reservations.messages import order_payload
from reservations_site.reservations.models import Line, Reservation
from reservations_site.reservations.selectors import Booking

log = logging.getLogger(__name__)

Reason = Literal["hold_ran_out", "cancelled_by_buyer", "cancelled_by_staff", "event_cancelled"]
BATCH = 100


def ask_to_end(*, reservation: Reservation, reason: Reason, note: str = "", by: str) -> Booking:
    """Asks billing to end it; a second ask changes nothing. `note` is what staff wrote, for the audit.

    Raises 409 `paid` when billing has already said so, unless the event was cancelled: then what is
    paid is refunded, and this ask goes out even after a lesser one. A fail-over is waited for.
    """
    return through_failover(lambda _again: _ask_to_end(reservation, reason=reason, note=note, by=by))


@retrying
def _ask_to_end(reservation: Reservation, *, reason: Reason, note: str, by: str) -> Booking:
    (locked,) = locks.reservations([reservation.id])
    locked.event = Event.objects.using("default").select_related("venue").get(id=locked.event_id)
    booking = selectors.booking(locked)
    refund_paid = reason == "event_cancelled"
    if not any(line.status in Line.LIVE for line in booking.lines):
        return booking
    if not refund_paid and any(line.status == Line.Status.CONFIRMED for line in booking.lines):
        raise refusals.already_paid()
    if locked.asked_at is not None and (not refund_paid or locked.ask_reason == reason):
        # Asked before, maybe on this server alone.
        confirm_replicated()
        return booking
    _ask(booking, reason=reason, note=note, by=by, now=timezone.now())
    return booking


@retrying
def end_holds_that_ran_out(*, now: datetime | None = None, limit: int = BATCH) -> int:
    """Asks billing about unpaid reservations whose time is over; how many. Several may run side by side."""
    now = now or timezone.now()
    found = locks.holds_that_ran_out(now=now, limit=limit)
    events = Event.objects.using("default").select_related("venue").in_bulk({r.event_id for r in found})
    for reservation in found:
        reservation.event = events[reservation.event_id]
        _ask(selectors.booking(reservation), reason="hold_ran_out", by="jobs", now=now)
    return len(found)


def end_cancelled_events(*, event_id: int | None = None, by: str = "jobs", limit: int = BATCH) -> int:
    """Asks about live reservations of cancelled events that nobody has asked about for this reason; how many.

    A reservation that was being made while its event was cancelled is found here, and so is what a
    cancellation that died half way left behind.
    """
    live = Line.objects.filter(status__in=Line.LIVE, reservation__event__status=Event.Status.CANCELLED)
    left = live.exclude(reservation__ask_reason="event_cancelled")
    if event_id is not None:
        left = left.filter(reservation__event_id=event_id)
    ids = left.order_by("reservation_id").values_list("reservation_id", flat=True).distinct()[:limit]
    found = list(Reservation.objects.filter(id__in=list(ids)).order_by("id"))
    for reservation in found:
        ask_to_end(reservation=reservation, reason="event_cancelled", by=by)
    return len(found)


def _ask(booking: Booking, *, reason: Reason, by: str, now: datetime, note: str = "") -> None:
    reservation = booking.reservation
    reservation.asked_at, reservation.ask_reason = now, reason
    reservation.save(update_fields=["asked_at", "ask_reason"])
    payload = order_payload(booking) | {"reason": reason, "by": by, "refund_paid": reason == "event_cancelled"}
    enqueue(type="ticket.expire", aggregate=reservation.code, payload=payload)
    detail = {"reason": reason} | ({"note": note} if note else {})
    audit.record(by=by, action="asked_to_end", event_id=reservation.event_id, reservation_id=reservation.id, **detail)
