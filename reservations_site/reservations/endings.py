"""Asking billing to end a reservation. The seats stay reserved until its answer: it alone knows what is paid."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from django.utils import timezone

from middleware_worker.outbox.services import Message, enqueue_all
from middleware_worker.outbox.transactions import confirm_replicated, retrying
from reservations_site.events.models import Event
from reservations_site.reservations import audit, locks, refusals, selectors
from reservations_site.reservations.failover import through_failover
from reservations_site.reservations.messages import order_payload
from reservations_site.reservations.models import AuditEntry, Line, Reservation
from reservations_site.reservations.selectors import Booking

Reason = Literal["hold_ran_out", "cancelled_by_buyer", "cancelled_by_staff", "event_cancelled"]
# One transaction locks and asks about so many; see docs/locking.md.
BATCH = 200


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
    _ask([booking], reason=reason, note=note, by=lambda _event: by, now=timezone.now())
    return booking


@retrying
def end_holds_that_ran_out(*, now: datetime | None = None, limit: int = BATCH) -> int:
    """Asks billing about unpaid reservations whose time is over; how many. Several may run side by side."""
    now = now or timezone.now()
    found = locks.holds_that_ran_out(now=now, limit=limit)
    _ask(selectors.bookings(found), reason="hold_ran_out", by=lambda _event: "jobs", now=now)
    return len(found)


def end_cancelled_events(*, event_id: int | None = None, by: str = "", limit: int = BATCH) -> int:
    """Asks about live reservations of cancelled events that nobody has asked about for this reason; how many.

    A reservation that was being made while its event was cancelled is found here, and so is what a
    cancellation that died half way left behind. Without `by` it is asked in the name of who cancelled the event.
    """
    return through_failover(lambda _again: _end_cancelled_events(event_id, by, limit))


@retrying
def _end_cancelled_events(event_id: int | None, by: str, limit: int) -> int:
    live = Line.objects.filter(status__in=Line.LIVE, reservation__event__status=Event.Status.CANCELLED)
    left = live.exclude(reservation__ask_reason="event_cancelled")
    if event_id is not None:
        left = left.filter(reservation__event_id=event_id)
    ids = left.order_by("reservation_id").values_list("reservation_id", flat=True).distinct()[:limit]
    # Before the locks they may have been in other hands.
    locked = [r for r in locks.reservations(list(ids)) if r.ask_reason != "event_cancelled"]
    found = [b for b in selectors.bookings(locked) if any(line.status in Line.LIVE for line in b.lines)]
    names = {} if by else audit.who_cancelled({b.reservation.event_id for b in found})
    _ask(found, reason="event_cancelled", by=lambda event: by or names.get(event, "jobs"), now=timezone.now())
    return len(found)


def _ask(
    bookings: Sequence[Booking], *, reason: Reason, by: Callable[[int], str], now: datetime, note: str = ""
) -> None:
    """The question to billing about each of these locked bookings, with its audit entry; four statements in all."""
    for booking in bookings:
        booking.reservation.asked_at, booking.reservation.ask_reason = now, reason
    ids = [booking.reservation.id for booking in bookings]
    Reservation.objects.filter(id__in=ids).update(asked_at=now, ask_reason=reason)
    refund = {"refund_paid": reason == "event_cancelled"}
    enqueue_all(
        Message(
            type="ticket.expire",
            aggregate=booking.reservation.code,
            payload=order_payload(booking) | {"reason": reason, "by": by(booking.reservation.event_id)} | refund,
        )
        for booking in bookings
    )
    detail = {"reason": reason} | ({"note": note} if note else {})
    audit.record_all(
        AuditEntry(
            by=by(booking.reservation.event_id)[:120],
            action="asked_to_end",
            event_id=booking.reservation.event_id,
            reservation_id=booking.reservation.id,
            detail=detail,
        )
        for booking in bookings
    )
