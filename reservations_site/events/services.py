"""What staff do with events: fill them with seats, block seats, cancel."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from middleware_worker.outbox.transactions import retrying
from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.reservations import audit, locks
from reservations_site.reservations.endings import BATCH, end_cancelled_events
from reservations_site.reservations.models import Line
from reservations_site.venues.models import PlanSeat, Section


class Moved(NamedTuple):
    """What came of blocking or unblocking: the seats that moved, and the others with the status they have."""

    labels: list[str]
    refused: dict[str, str]


class Refused(ValueError):
    """It cannot be done; the text says why, in Spanish."""


@transaction.atomic
def copy_plan(*, event: Event, prices: Mapping[str, int], by: str) -> int:
    """Gives the event the seats of its venue's plan, each section at its price; how many seats.

    Seats that the event has already are replaced, unless one was ever reserved. Raises Refused.
    """
    locks.event(event.id)
    sections = list(Section.objects.using("default").filter(venue_id=event.venue_id).order_by("rank", "id"))
    if not sections:
        raise Refused(_("El recinto no tiene plano todavía"))
    if missing := [section.name for section in sections if section.name not in prices]:
        raise Refused(_("Falta el precio de: %s") % ", ".join(missing))
    # Whoever is reserving one of them just now goes first, and is seen by the next line.
    locks.seats(Seat.objects.filter(event=event).values_list("id", flat=True))
    if Line.objects.filter(seat__event=event).exists():
        raise Refused(_("El evento ya tiene reservas: sus asientos no se pueden reemplazar"))
    EventSection.objects.filter(event=event).delete()
    made = EventSection.objects.bulk_create(
        EventSection(event=event, name=section.name, rank=section.rank, price=prices[section.name])
        for section in sections
    )
    by_plan = dict(zip((section.id for section in sections), made, strict=True))
    plan = PlanSeat.objects.using("default").filter(section__in=sections)
    seats = [
        Seat(
            event=event,
            section=by_plan[seat.section_id],
            label=seat.label,
            row=seat.row,
            row_rank=seat.row_rank,
            number=seat.number,
            position=seat.position,
            x=seat.x,
            y=seat.y,
        )
        for seat in plan.order_by("section__rank", "section_id", "row_rank", "position")
    ]
    Seat.objects.bulk_create(seats, batch_size=500)
    audit.record(by=by, action="plan_copied", event_id=event.id, seats=len(seats))
    return len(seats)


@transaction.atomic
def copy_event(*, event: Event, copy: Event, prices: Mapping[str, int], keep_blocked: bool = False, by: str) -> Event:
    """Saves `copy` as a draft with the zones of `event` at these prices, and its seats, all free; the copy.

    With `keep_blocked` the seats that staff block stay blocked. Raises Refused.
    """
    # So that nobody moves seats between zones meanwhile.
    locks.event(event.id)
    zones = list(EventSection.objects.using("default").filter(event=event).order_by("rank", "id"))
    if missing := [zone.name for zone in zones if zone.name not in prices]:
        raise Refused(_("Falta el precio de: %s") % ", ".join(missing))
    copy.pk, copy.venue_id, copy.status = None, event.venue_id, Event.Status.DRAFT
    copy.save(force_insert=True, using="default")
    made = EventSection.objects.bulk_create(
        EventSection(event=copy, name=zone.name, rank=zone.rank, price=prices[zone.name]) for zone in zones
    )
    by_zone = dict(zip((zone.id for zone in zones), made, strict=True))
    seats = list(Seat.objects.using("default").filter(event=event).order_by("id"))
    for seat in seats:
        stays = keep_blocked and seat.status == Seat.Status.BLOCKED
        seat.pk, seat.event, seat.section = None, copy, by_zone[seat.section_id]
        seat.status = Seat.Status.BLOCKED if stays else Seat.Status.AVAILABLE
    Seat.objects.bulk_create(seats, batch_size=500)
    blocked = [seat.label for seat in seats if seat.status == Seat.Status.BLOCKED]
    detail: dict[str, Any] = {"copied_from": f"{event.name} ({event.id})", "total": len(seats), "blocked": blocked}
    audit.record(by=by, action="event_copied", event_id=copy.id, **detail, prices=dict(prices))
    return copy


def block_seats(*, event: Event, seat_ids: Sequence[int], reason: str = "", by: str) -> Moved:
    """Takes free seats off sale; the others stay as they are and are named."""
    return _move(
        event, seat_ids, start=Seat.Status.AVAILABLE, end=Seat.Status.BLOCKED, action="blocked", reason=reason, by=by
    )


def unblock_seats(*, event: Event, seat_ids: Sequence[int], reason: str = "", by: str) -> Moved:
    """Puts blocked seats on sale again; the others stay as they are and are named."""
    return _move(
        event, seat_ids, start=Seat.Status.BLOCKED, end=Seat.Status.AVAILABLE, action="unblocked", reason=reason, by=by
    )


@retrying
def _move(event: Event, seat_ids: Sequence[int], *, start: str, end: str, action: str, reason: str, by: str) -> Moved:
    rows = Seat.objects.filter(event=event, id__in=list(seat_ids)).order_by("id").values_list("id", "label")
    names = dict(rows)
    locked = locks.seats(names)
    refused = {names[seat_id]: status for seat_id, status in locked.items() if status != start}
    ids = [seat_id for seat_id, status in locked.items() if status == start]
    if not ids:
        return Moved([], refused)
    Seat.objects.filter(id__in=ids).update(status=end)
    labels = [names[seat_id] for seat_id in ids]
    audit.record(by=by, action=f"seats_{action}", event_id=event.id, seats=labels, reason=reason)
    return Moved(labels, refused)


def cancel_event(*, event: Event, reason: str, by: str) -> int:
    """Closes the sale, then asks billing to end or refund every live reservation; how many were asked about.

    Safe to run twice, and to die half way: `manage.py jobs` goes on with what is left.
    """
    _close(event, reason=reason, by=by)
    event.status = Event.Status.CANCELLED
    asked = 0
    while some := end_cancelled_events(event_id=event.id, by=by, limit=BATCH):
        asked += some
    return asked


@retrying
def _close(event: Event, *, reason: str, by: str) -> None:
    locked = locks.event(event.id)
    if locked.status == Event.Status.CANCELLED:
        return
    Event.objects.filter(id=event.id).update(status=Event.Status.CANCELLED)
    audit.record(by=by, action="event_cancelled", event_id=event.id, reason=reason)
