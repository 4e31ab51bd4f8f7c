"""What a gate reads or types becomes a ticket, and the ticket an answer that a guard understands at once."""

import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from billing_site.accounts import claims
from billing_site.tickets import services, signing
from billing_site.tickets.models import Order, Ticket

log = logging.getLogger(__name__)

# A scanner that types as on an English keyboard into a Spanish or Latin American one.
_WRONG_KEYBOARD = str.maketrans({"'": "-", "?": "_", "´": "-"})
_OUR_TICKET = re.compile(r"TF-[0-9A-F]{32}", re.IGNORECASE)


class GateEvent(NamedTuple):
    """An event that a gate can admit: by its number, or one of an outside seller's by its name."""

    number: int | None
    name: str
    starts_at: datetime | None = None

    @property
    def value(self) -> str:
        """What names it in a form."""
        return f"id:{self.number}" if self.number is not None else f"name:{self.name}"

    @property
    def key(self) -> str:
        """What names it in an address: its number, or «n» and the digest that a QR names it by."""
        if self.number is not None:
            return str(self.number)
        return "n" + str(self.references[0]).removeprefix("#")

    @property
    def references(self) -> list[int | str]:
        """What the QR codes of its tickets may name as their event."""
        by_name = signing.event_reference(event_id=None, event=self.name)
        return [by_name] if self.number is None else [self.number, by_name]

    def for_ticket(self, ticket: Ticket) -> int | str:
        """The event as `check_in` compares it. An outside ticket knows only the name of its event."""
        return self.name if ticket.event_id is None or self.number is None else self.number


class Scan(NamedTuple):
    """The answer. `code` is "in", "choose", "forged", "unknown" or a code of CheckInRefused."""

    code: str
    ticket: Ticket | None = None
    at: datetime | None = None
    gate: str = ""
    # With "choose": the tickets of the order whose code was typed.
    choices: list[Ticket] = []


class Progress(NamedTuple):
    admitted: int
    left: int

    @property
    def total(self) -> int:
        return self.admitted + self.left

    @property
    def percent(self) -> int:
        return round(100 * self.admitted / self.total) if self.total else 0


def scan(*, text: str, event: GateEvent, gate: str, by: str, admit: Callable[..., Ticket] = services.check_in) -> Scan:
    """Lets the holder of what was scanned or typed in, or says why not.

    `text` is a QR's text, a ticket's id or an order's code. `admit` is called as `check_in` is.
    """
    try:
        external_id, choices = _read(text.strip())
    except signing.Forged as error:
        log.warning("gate %s, %s: a QR that is not genuine: %s", gate, by, error)
        return Scan("forged")
    if choices:
        return Scan("choose", choices=choices)
    ticket = _find(external_id)
    if ticket is None:
        return Scan("unknown")
    try:
        admit(ticket=external_id, event=event.for_ticket(ticket), gate=gate, by=by)
    except services.CheckInRefused as refusal:
        return Scan(refusal.code, _find(external_id), refusal.at, refusal.gate)
    return Scan("in", _find(external_id), timezone.now(), gate)


def _read(text: str) -> tuple[str, list[Ticket]]:
    """The ticket's id, or the tickets among which the guard has to choose. Raises Forged."""
    if signing.is_qr(text):
        return signing.read(text.translate(_WRONG_KEYBOARD)).ticket, []
    typed = text.translate(_WRONG_KEYBOARD)
    if _OUR_TICKET.fullmatch(typed):
        return "TF-" + typed[3:].lower(), []
    if Ticket.objects.filter(external_id=text).exists():
        return text, []
    tickets = Ticket.objects.filter(order__code__in={text, claims.as_stored(typed)}).select_related(
        "order__person", "person"
    )
    choices = list(tickets.order_by("id")[:50])
    return (choices[0].external_id, []) if len(choices) == 1 else (text, choices)


def _find(external_id: str) -> Ticket | None:
    return Ticket.objects.filter(external_id=external_id).select_related("order", "person").first()


def gate_events(*, now: datetime) -> list[GateEvent]:
    """What gates may admit: the nearest first; those of outside sellers, which have no date, last."""
    numbered = (
        Order.objects.filter(starts_at__gt=now - timedelta(days=1), starts_at__lt=now + timedelta(days=90))
        .exclude(event_id=None)
        .order_by("starts_at", "event_id")
        .values_list("event_id", "event", "starts_at")
        .distinct()
    )
    events: dict[str, GateEvent] = {}
    for number, name, starts_at in numbered:
        event = GateEvent(number, name, starts_at)
        events.setdefault(event.value, event)
    known = {event.name for event in events.values()}
    outside = Order.objects.filter(event_id=None, created_at__gt=now - timedelta(days=180)).order_by("event")
    for name in outside.values_list("event", flat=True).distinct():
        if name not in known:
            event = GateEvent(None, name)
            events[event.value] = event
    return list(events.values())


def tickets_of(event: GateEvent) -> QuerySet[Ticket]:
    """All tickets of the event, those of outside sellers too, which know only its name."""
    same = Q(event_id=None, event=event.name)
    if event.number is not None:
        same |= Q(event_id=event.number)
    return Ticket.objects.filter(same)


def progress(event: GateEvent) -> Progress:
    """How many are in, and how many may still come."""
    counts = tickets_of(event).aggregate(
        used=Count("pk", filter=Q(status=Ticket.Status.USED)), paid=Count("pk", filter=Q(status=Ticket.Status.PAID))
    )
    return Progress(counts["used"], counts["paid"])
