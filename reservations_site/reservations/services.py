"""Taking seats: one transaction that locks, checks and writes everything, or nothing."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from middleware_worker.outbox.services import enqueue
from middleware_worker.outbox.transactions import retrying
from reservations_site import clusters
from reservations_site.events.models import Event, Seat
from reservations_site.reservations import at_once, audit, locks, refusals, selectors
from reservations_site.reservations.best_available import Place, best_available
from reservations_site.reservations.failover import through_failover
from reservations_site.reservations.idempotency import Claim, automatic_key, digest
from reservations_site.reservations.messages import order_payload
from reservations_site.reservations.models import Line, Reservation
from reservations_site.reservations.selectors import Booking
from reservations_site.waiting_room.admission import Admission
from reservations_site.waiting_room.services import check_admission, spend

# Choosing again after somebody else was quicker; see `reserve_best`.
CHOICES = 12


class Outrun(Exception):
    """Somebody else holds some of the seats that were chosen. Rolls the transaction back."""

    def __init__(self, seat_ids: set[int]) -> None:
        super().__init__(sorted(seat_ids))
        self.seat_ids = seat_ids


def reserve_seats(
    *,
    seat_ids: Sequence[int],
    rut: int,
    name: str = "",
    email: str = "",
    caller: str,
    idempotency_key: str | None = None,
    by: str,
    hold: timedelta | None = None,
    admission: Admission | None = None,
) -> Booking:
    """All of these seats of one event for this buyer, or none and an ApiError that says why.

    `caller` scopes the idempotency key. `hold` is how long the seats are kept for the payment, the
    event's own time when it is not given. A fail-over is waited for; see `failover`. `admission` is what the event's
    waiting room gave, where it has one.
    """
    wanted = sorted(set(seat_ids))
    asked = {"seat_ids": wanted, "rut": rut, "name": name, "email": email}
    claim = Claim(rut, name, email, caller, by, digest(asked), idempotency_key or automatic_key(), admission)
    if len(wanted) > settings.MAX_SEATS:
        raise refusals.too_many_seats(settings.MAX_SEATS)
    if len({clusters.number_of(seat) for seat in wanted if seat < clusters.count() * clusters.SPAN}) > 1:
        raise refusals.several_events()
    with clusters.serving(min(wanted, default=0)):
        return through_failover(lambda again: _reserve_seats(wanted, replace(claim, is_run_again=again), hold=hold))


def _reserve_seats(wanted: Sequence[int], claim: Claim, *, hold: timedelta | None) -> Booking:
    if at_once.can(wanted):
        try:
            return at_once.take(wanted, claim, hold=hold)
        except IntegrityError:
            return claim.answered_before() or _refuse(_known_seats(wanted))
    return _reserve_plainly(wanted, claim, hold=hold)


def _reserve_plainly(wanted: Sequence[int], claim: Claim, *, hold: timedelta | None) -> Booking:
    """Statement by statement: for databases other than PostgreSQL, and to compare `at_once` with."""
    if (booking := claim.answered_before()) is not None:
        return booking
    seats = _known_seats(wanted)
    event = seats[0].event
    # Most who lose are refused here, without a lock and without a transaction.
    if lost := [seat for seat in seats if seat.status != Seat.Status.AVAILABLE]:
        return claim.answered_before() or _refuse(lost)
    if not event.is_on_sale(timezone.now()):
        raise refusals.sales_closed(event.name)
    check_admission(event, claim.admission)
    try:
        return _take(seats, claim, hold=hold)
    except IntegrityError:
        # The database had the last word: the key or one of the seats was taken at the same instant.
        return claim.answered_before() or _refuse(_known_seats(wanted))


def reserve_best(
    *,
    event_id: int,
    quantity: int,
    section: int | str | None = None,
    rut: int,
    name: str = "",
    email: str = "",
    caller: str,
    idempotency_key: str | None = None,
    by: str,
    admission: Admission | None = None,
) -> Booking:
    """The best seats that are free, side by side where possible.

    The choice is made without a lock. Seats that others hold at that instant are passed over and the
    choice is made anew; only when nothing else is left does it wait for them.
    """
    asked = {"event_id": event_id, "quantity": quantity, "section": section, "rut": rut, "name": name, "email": email}
    claim = Claim(rut, name, email, caller, by, digest(asked), idempotency_key or automatic_key(), admission)
    if quantity > settings.MAX_SEATS:
        raise refusals.too_many_seats(settings.MAX_SEATS)
    with clusters.serving(event_id):
        return through_failover(
            lambda again: _reserve_best(event_id, quantity, section, replace(claim, is_run_again=again))
        )


def _reserve_best(event_id: int, quantity: int, section: int | str | None, claim: Claim) -> Booking:
    if (booking := claim.answered_before()) is not None:
        return booking
    event = selectors.event_on_primary(event_id)
    if event is None:
        raise refusals.unknown_event()
    if not event.is_on_sale(timezone.now()):
        raise refusals.sales_closed(event.name)
    check_admission(event, claim.admission)
    section_id = selectors.section_id(event, section)
    passed_over: set[int] = set()
    for _choice in range(CHOICES):
        free = selectors.free_places(event_id=event.id, section_id=section_id)
        chosen = best_available([place for place in free if place.seat_id not in passed_over], quantity)
        wait = not chosen and bool(passed_over)
        if wait:
            chosen = best_available(free, quantity)
        if not chosen:
            break
        try:
            return _take_chosen(chosen, claim, wait=wait)
        except Outrun as outrun:
            passed_over = set() if wait else passed_over | outrun.seat_ids
    if (booking := claim.answered_before()) is not None:
        return booking
    raise refusals.not_enough_seats()


def _take_chosen(chosen: Sequence[Place], claim: Claim, *, wait: bool) -> Booking:
    seats = _known_seats([place.seat_id for place in chosen])
    try:
        return _take(seats, claim, choosing=True, skip_locked=not wait)
    except IntegrityError as error:
        if (booking := claim.answered_before()) is not None:
            return booking
        raise Outrun({seat.id for seat in seats}) from error


@retrying
def _take(
    seats: Sequence[Seat],
    claim: Claim,
    *,
    hold: timedelta | None = None,
    choosing: bool = False,
    skip_locked: bool = False,
) -> Booking:
    """Locks the buyer and the seats, checks, and writes seats, reservation, lines, message and audit."""
    locks.buyer(claim.rut)
    if (booking := claim.answered_before()) is not None:
        return booking
    # Counted under the buyer's lock, so that two calls at once cannot both fit.
    held = Line.objects.filter(reservation__rut=claim.rut, status=Line.Status.HELD).count()
    if held + len(seats) > settings.HOLD_LIMIT:
        return claim.earlier_run() or _raise(refusals.hold_limit(held=held, limit=settings.HOLD_LIMIT))
    if (wait := selectors.wait_of(claim.rut)) is not None:
        return claim.earlier_run() or _raise(refusals.too_often(wait))
    if not spend(seats[0].event, claim.admission, rut=claim.rut):
        return claim.earlier_run() or _raise(refusals.admission_used())
    locked = locks.seats([seat.id for seat in seats], skip_locked=skip_locked)
    lost = [seat for seat in seats if locked.get(seat.id) != Seat.Status.AVAILABLE]
    if not lost:
        return _write(seats, claim, hold=hold)
    if choosing:
        return claim.earlier_run() or _raise(Outrun({seat.id for seat in lost}))
    for seat in lost:
        seat.status = locked.get(seat.id, Seat.Status.RESERVED)
    return claim.earlier_run() or _refuse(lost)


def _write(seats: Sequence[Seat], claim: Claim, *, hold: timedelta | None) -> Booking:
    now = timezone.now()
    event = seats[0].event
    Seat.objects.filter(id__in=[seat.id for seat in seats]).update(status=Seat.Status.RESERVED)
    reservation = Reservation.objects.create(
        event=event,
        **claim.columns(),
        created_at=now,
        expires_at=now + (hold or timedelta(minutes=event.hold_minutes)),
    )
    lines = [
        Line(
            reservation=reservation,
            seat=seat,
            ticket_id=f"TF-{uuid.uuid4().hex}",
            price=seat.section.price,
            changed_at=now,
        )
        for seat in seats
    ]
    Line.objects.bulk_create(lines)
    booking = Booking(reservation, lines)
    enqueue(type="ticket.create", aggregate=reservation.code, payload=order_payload(booking))
    audit.record(
        by=claim.by,
        action="reserved",
        event_id=event.id,
        reservation_id=reservation.id,
        seats=[seat.label for seat in seats],
    )
    return booking


def _known_seats(ids: Sequence[int]) -> list[Seat]:
    """The seats in id order, with section, event and venue. Raises 404 or 400."""
    possible = [seat_id for seat_id in ids if 0 < seat_id <= at_once.LARGEST_ID]
    rows = Seat.objects.filter(id__in=possible).exclude(event__status=Event.Status.DRAFT)
    seats = list(rows.select_related("section", "event__venue", "event__room").order_by("id"))
    if len(seats) < len(ids) or not seats:
        known = {seat.id for seat in seats}
        raise refusals.unknown_seat([seat_id for seat_id in ids if seat_id not in known])
    if len({seat.event_id for seat in seats}) > 1:
        raise refusals.several_events()
    return seats


def _refuse(lost: Sequence[Seat]) -> NoReturn:
    raise refusals.seats_taken([seat for seat in lost if seat.status != Seat.Status.AVAILABLE] or lost)


def _raise(error: Exception) -> NoReturn:
    raise error
