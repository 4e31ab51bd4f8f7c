"""An order as its page shows it: what reservations and billing say of it, made into one state."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from portal_site.clients import billing as billing_client
from portal_site.clients import reservations as reservations_client
from portal_site.clients.billing import Order, PayForm, Ticket
from portal_site.clients.calls import Unavailable, Visitor
from portal_site.clients.reservations import Reservation

# States that change without the buyer: the page looks again by itself.
MOVING = {"preparing", "at_form", "paying", "cancelling", "expiring", "confirmed"}


@dataclass(frozen=True)
class SeatLine:
    label: str
    section: str
    price: int


@dataclass(frozen=True)
class OrderView:
    """`state` is one of: preparing (billing has not answered yet), pending, declined, at_form (the buyer is at the
    gateway's page), paying (nobody knows yet what became of the money), paid, confirmed (paid, but billing does not
    answer), cancelling, expiring (time is up, billing has not decided), expired, refunded, mixed."""

    code: str
    state: str
    event_id: int | None
    event: str
    venue: str
    starts_at: datetime | None
    expires_at: datetime | None
    total: int
    seats: tuple[SeatLine, ...]
    tickets: tuple[Ticket, ...]
    # The money came when the hold had ended; billing gives it back.
    paid_too_late: bool
    billing_answers: bool
    # Where the card is typed: `card` is here, else the gateway's name; and its page, while a payment is open there.
    pay_with: str
    form: PayForm | None
    # Billing's word for why the last payment was declined.
    why_declined: str

    @property
    def may_pay(self) -> bool:
        return self.state in ("pending", "declined")

    @property
    def may_cancel(self) -> bool:
        return self.state in ("pending", "declined", "preparing")

    @property
    def moving(self) -> bool:
        return self.state in MOVING or any(ticket.changes_soon for ticket in self.tickets)

    @property
    def version(self) -> str:
        """Changes whenever the page would look different."""
        seen = [self.state, str(self.paid_too_late), str(self.billing_answers), self.pay_with, self.why_declined]
        seen += [ticket.version for ticket in self.tickets]
        return hashlib.sha256("|".join(seen).encode()).hexdigest()[:16]

    def ticket(self, external_id: str) -> Ticket | None:
        return next((ticket for ticket in self.tickets if ticket.external_id == external_id), None)


def order_view(*, code: str, visitor: Visitor, asked_to_pay: bool = False) -> OrderView | None:
    """The order of a booking code; None when no site knows the code. Raises Unavailable when nobody can say.

    `asked_to_pay`: a payment was sent from this browser and its answer is not known.
    """
    reservation, reservation_silent = None, False
    try:
        reservation = reservations_client.reservations().reservation(code, visitor)
    except Unavailable:
        reservation_silent = True
    # Typed with small letters or O for 0: reservations knows which code was meant.
    code = reservation.code if reservation else code
    order, billing_answers = None, True
    try:
        order = billing_client.billing().order(code, visitor)
    except Unavailable:
        billing_answers = False
    if reservation is None and order is None:
        if reservation_silent or not billing_answers:
            raise Unavailable("both", "nobody can say whether this order exists")
        return None
    state = _state(reservation, order, asked_to_pay=asked_to_pay and not billing_answers)
    return _view(code, state, reservation, order, billing_answers=billing_answers)


def _state(reservation: Reservation | None, order: Order | None, *, asked_to_pay: bool) -> str:
    if order is not None:
        return _state_by_billing(order, reservation)
    held = reservation.status if reservation else ""
    if asked_to_pay and held == "held":
        return "paying"
    return {"held": "preparing", "cancelling": "cancelling", "released": "expired"}.get(held, "confirmed")


def _state_by_billing(order: Order, reservation: Reservation | None) -> str:
    payment = order.payment.status if order.payment else ""
    if order.status == "paying" and order.payment and order.payment.form:
        return "at_form"
    if order.status == "paying" or (order.status == "pending" and payment in ("started", "unknown")):
        return "paying"
    if order.status != "pending":
        return order.status
    if reservation is not None and reservation.status in ("cancelling", "released"):
        return "cancelling"
    expires_at = order.expires_at or (reservation.expires_at if reservation else None)
    if expires_at is not None and expires_at <= timezone.now():
        return "expiring"
    return "declined" if payment == "declined" else "pending"


def _view(
    code: str, state: str, reservation: Reservation | None, order: Order | None, *, billing_answers: bool
) -> OrderView:
    if reservation is not None:
        seats = tuple(SeatLine(seat.seat_number, seat.section, seat.price) for seat in reservation.seats)
    else:
        seats = tuple(SeatLine(t.seat or "", t.section, t.price) for t in (order.tickets if order else ()))
    held = reservation.event if reservation else None
    payment = order.payment if order else None
    captured = payment is not None and payment.status == "captured"
    return OrderView(
        code=code,
        state=state,
        event_id=held.id if held else None,
        event=held.name if held else order.event if order else "",
        venue=held.venue if held else order.venue if order else "",
        starts_at=(held.starts_at if held else None) or (order.starts_at if order else None),
        expires_at=(order.expires_at if order else None) or (reservation.expires_at if reservation else None),
        total=order.total if order else reservation.total if reservation else 0,
        seats=seats,
        tickets=order.tickets if order else (),
        paid_too_late=captured and state == "expired",
        billing_answers=billing_answers,
        pay_with=order.pay_with if order else "card",
        form=payment.form if payment else None,
        why_declined=(payment.error or "") if payment and payment.status == "declined" else "",
    )
