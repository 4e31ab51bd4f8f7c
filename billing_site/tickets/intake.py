"""What arrives becomes orders and tickets: each once, however often and by however many carriers it comes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from billing_site.accounts.models import Person
from billing_site.documents import services as documents
from billing_site.tickets import audit, generations
from billing_site.tickets.models import AuditEntry, Order, Ticket
from middleware_worker.contract.messages import Order as OrderMessage
from middleware_worker.contract.messages import OutsideTicket
from middleware_worker.outbox.transactions import retrying

Status = Ticket.Status


class UnusableContent(ValueError):
    """The message is valid for the contract, but no column can hold it."""


@dataclass(frozen=True)
class Arrival:
    """A message about an order that may be new here."""

    message: OrderMessage | OutsideTicket

    @cached_property
    def code(self) -> str:
        """The order's code; an outside ticket is an order of its own, named like the ticket."""
        return self.message.id if isinstance(self.message, OutsideTicket) else self.message.order

    @cached_property
    def by(self) -> str:
        return "outside" if isinstance(self.message, OutsideTicket) else "reservations"

    @cached_property
    def ticket_ids(self) -> set[str]:
        message = self.message
        return {message.id} if isinstance(message, OutsideTicket) else {ticket.id for ticket in message.tickets}

    @cached_property
    def seat_ids(self) -> set[int]:
        message = self.message
        return set() if isinstance(message, OutsideTicket) else {ticket.seat_id for ticket in message.tickets}

    def order(self, *, now: datetime) -> Order:
        """The order, not saved. Texts for people are cut to their columns: that loses nobody a ticket."""
        message = self.message
        if isinstance(message, OutsideTicket):
            return Order(
                code=message.id,
                source=Order.Source.OUTSIDE,
                person_id=message.rut,
                event=message.event,
                expires_at=now + timedelta(minutes=settings.SEATLESS_HOLD_MINUTES),
                created_at=now,
                digest=message.digest(),
            )
        return Order(
            code=message.order,
            source=Order.Source.RESERVATIONS,
            person_id=message.rut,
            name=message.name[:200],
            email=_address(message.email),
            event_id=_number(message.event_id),
            event=message.event,
            venue=message.venue[:200],
            starts_at=_aware(message.starts_at),
            reserved_at=_aware(message.reserved_at),
            expires_at=_aware(message.expires_at),
            created_at=now,
        )

    def tickets(self, order: Order, *, status: Status, generation: int, now: datetime) -> list[Ticket]:
        """The tickets of a saved order, not saved."""
        message = self.message
        same = {
            "order": order,
            "person_id": message.rut,
            "event": message.event,
            "status": status,
            "generation": generation,
            "created_at": now,
            "expired_at": now if status == Status.EXPIRED else None,
            "paid_at": now if status == Status.REFUNDED else None,
            "refunded_at": now if status == Status.REFUNDED else None,
        }
        if isinstance(message, OutsideTicket):
            return [Ticket(external_id=message.id, price=message.price, **same)]
        return [
            Ticket(
                external_id=ticket.id,
                event_id=message.event_id,
                seat_id=_number(ticket.seat_id),
                seat=ticket.seat[:60],
                section=ticket.section[:60],
                price=ticket.price,
                **same,
            )
            for ticket in message.tickets
        ]

    def is_the_same_as(self, order: Order, tickets: Iterable[Ticket]) -> bool:
        """Whether the order that is here says what this message says."""
        if isinstance(self.message, OutsideTicket):
            return order.source == Order.Source.OUTSIDE and order.digest == self.message.digest()
        return (
            order.source == Order.Source.RESERVATIONS
            and order.person_id == self.message.rut
            and {ticket.external_id for ticket in tickets} == self.ticket_ids
        )


@dataclass(frozen=True)
class Stored:
    """An order as it is here now, with its tickets in id order."""

    order: Order
    tickets: list[Ticket]


@retrying
def store(arrivals: Sequence[Arrival]) -> dict[str, Stored]:
    """Orders by code as they are here afterwards; those that were unknown are inserted.

    All in one transaction, in sorted order, so that two carriers of the same batch do not deadlock. An
    IntegrityError of the database goes through: a carrier of the same batch was quicker (run it again),
    or the content collides with what is here (find out which by storing them singly).
    """
    by_code: dict[str, Arrival] = {}
    for arrival in arrivals:
        by_code.setdefault(arrival.code, arrival)
    known = {order.code: order for order in Order.objects.filter(code__in=list(by_code))}
    here: dict[int, list[Ticket]] = {order.pk: [] for order in known.values()}
    for ticket in Ticket.objects.filter(order__in=list(here)).order_by("id") if here else []:
        here[ticket.order_id].append(ticket)
    found = {code: Stored(order, here[order.pk]) for code, order in known.items()}
    unknown = [arrival for code, arrival in by_code.items() if code not in known]
    return {**found, **insert(unknown, status=Status.PENDING_PAYMENT)}


def insert(arrivals: Sequence[Arrival], *, status: Status) -> dict[str, Stored]:
    """Inserts unknown orders in the caller's transaction: EXPIRED and REFUNDED ones are tombstones, which nobody
    can pay.
    """
    if not arrivals:
        return {}
    now, generation = timezone.now(), generations.current()
    arrivals = sorted(arrivals, key=lambda arrival: arrival.code)
    _ensure_people({arrival.message.rut for arrival in arrivals})
    orders = Order.objects.bulk_create([arrival.order(now=now) for arrival in arrivals])
    tickets: dict[str, list[Ticket]] = {
        arrival.code: arrival.tickets(order, status=status, generation=generation, now=now)
        for arrival, order in zip(arrivals, orders, strict=True)
    }
    # By order, and within it as the message has them. Who inserts the same tickets at the same moment waits
    # at the order's row already.
    Ticket.objects.bulk_create([ticket for some in tickets.values() for ticket in some])
    action = "order.received" if status == Status.PENDING_PAYMENT else "order.tombstone"
    AuditEntry.objects.bulk_create(
        [audit.entry(action, by=arrival.by, order=order) for arrival, order in zip(arrivals, orders, strict=True)]
    )
    if status == Status.PENDING_PAYMENT:
        for order in orders:
            if order.email:
                documents.order_received(order=order)
    return {order.code: Stored(order, tickets[order.code]) for order in orders}


def _ensure_people(ruts: set[int]) -> None:
    """A placeholder for each RUT that nobody has brought before."""
    missing = ruts - set(Person.objects.filter(rut__in=ruts).values_list("rut", flat=True))
    if missing:
        # INSERT IGNORE in key order: the form that does not deadlock on MariaDB.
        placeholders = [Person(rut=rut, password=None) for rut in sorted(missing)]
        Person.objects.bulk_create(placeholders, ignore_conflicts=True)


def _number(value: int) -> int:
    if not 0 < value < 2**63:
        raise UnusableContent(f"{value} is no number of a seat or event")
    return value


def _aware(value: datetime) -> datetime:
    if not 2000 <= value.year < 9000:
        raise UnusableContent(f"{value} is no date of an event")
    return value if value.tzinfo else timezone.make_aware(value)


def _address(text: str) -> str:
    """The address in lower case, "" when it is none: a wrong address must not cost the seat."""
    text = text.strip().lower()
    try:
        validate_email(text)
    except ValidationError:
        return ""
    return text if len(text) <= 254 else ""
