"""What staff do to an event's price zones on the picture, and taking back the last step that they made there.

A zone is an `EventSection`: its seats cost its price. What is reserved or sold stays in its zone, and its line keeps
the price that it was taken at.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from middleware_worker.outbox.transactions import retrying
from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.events.services import Moved, Refused
from reservations_site.reservations import audit, locks
from reservations_site.reservations.models import AuditEntry
from reservations_site.reservations.words import pesos

MOVABLE = (Seat.Status.AVAILABLE, Seat.Status.BLOCKED)
# What can be taken back, and the trace of having done so.
BLOCKS, ZONES = ("seats_blocked", "seats_unblocked"), ("seats_zoned", "prices_changed")
STEPS = BLOCKS + ZONES
UNDONE = "step_undone"
# Nobody goes further back than this; so the search for the last step has an end.
LOOKED_BACK = 100


@retrying
def assign_zone(*, event: Event, seat_ids: Sequence[int], name: str, price: int | None = None, by: str) -> Moved:
    """Puts free and blocked seats into a zone; the others stay and are named. Raises Refused.

    With a price the zone is a new one; a zone that is left without seats goes.
    """
    locks.event(event.id)
    zones = _zones(event)
    if price is None and name not in zones:
        raise Refused(_("No hay zona %s en este evento") % name)
    if price is not None and name in zones:
        raise Refused(_("Ya hay una zona %s: elíjala de la lista, o use otro nombre") % name)
    seats = _seats(event, id__in=list(seat_ids))
    locked = locks.seats(seats)
    refused = {seats[seat].label: status for seat, status in locked.items() if status not in MOVABLE}
    moving = [seats[seat] for seat, status in locked.items() if status in MOVABLE]
    if not moving:
        return Moved([], refused)
    zone = zones.get(name) or _make(event, name, price or 0)
    was = _where(moving, zone)
    _move(event, moving, zone)
    labels = [seat.label for seat in moving]
    detail: dict[str, Any] = {"zone": name, "price": pesos(zone.price), "was": was}
    audit.record(by=by, action="seats_zoned", event_id=event.id, seats=labels, **detail)
    return Moved(labels, refused)


@retrying
def change_prices(*, event: Event, prices: Mapping[str, int], by: str) -> list[str]:
    """Sets what the seats of each zone cost from now on; the names of the zones that changed."""
    locks.event(event.id)
    zones = _zones(event)
    changes = {name: [int(zones[name].price), price] for name, price in prices.items() if name in zones}
    changes = {name: change for name, change in changes.items() if change[0] != change[1]}
    for name, (_old, new) in changes.items():
        EventSection.objects.filter(id=zones[name].id).update(price=new)
    if changes:
        words = [f"{name} {pesos(old)} → {pesos(new)}" for name, (old, new) in changes.items()]
        audit.record(by=by, action="prices_changed", event_id=event.id, changes=words, prices=changes)
    return list(changes)


def last_step(*, event: Event, by: str, among: Sequence[str] = STEPS) -> AuditEntry | None:
    """The last step of these kinds that this staff member made on the picture and has not taken back."""
    rows = AuditEntry.objects.using("default").filter(event=event, by=by, action__in=[*among, UNDONE])
    undone = set()
    for entry in rows.order_by("-id")[:LOOKED_BACK]:
        if entry.action == UNDONE:
            undone.add(entry.detail["entry"])
        elif entry.id not in undone:
            return entry
    return None


@retrying
def undo(*, event: Event, entry_id: int, by: str, among: Sequence[str] = STEPS) -> Moved:
    """Takes the last step back, as far as nobody has changed anything since. Raises Refused when it is not the last."""
    locks.event(event.id)
    entry = last_step(event=event, by=by, among=among)
    if entry is None or entry.id != entry_id:
        raise Refused(_("Ese paso ya se deshizo, o usted hizo otro después"))
    moved = _undo_prices(event, entry) if entry.action == "prices_changed" else _undo_seats(event, entry)
    detail: dict[str, Any] = {
        "entry": entry.id,
        "what": entry.action,
        "seats": moved.labels,
        "kept": list(moved.refused),
    }
    audit.record(by=by, action=UNDONE, event_id=event.id, **detail)
    return moved


def _undo_prices(event: Event, entry: AuditEntry) -> Moved:
    zones = _zones(event)
    done, refused = [], {}
    for name, (old, new) in entry.detail["prices"].items():
        if name in zones and int(zones[name].price) == new:
            EventSection.objects.filter(id=zones[name].id).update(price=old)
            done.append(name)
        else:
            refused[name] = _("cambió después")
    return Moved(done, refused)


def _undo_seats(event: Event, entry: AuditEntry) -> Moved:
    seats = _seats(event, label__in=entry.detail["seats"])
    locked = locks.seats(seats)
    if entry.action == "seats_zoned":
        zone = entry.detail["zone"]
        fits = {seat for seat, status in locked.items() if status in MOVABLE and seats[seat].section.name == zone}
    else:
        now, then = Seat.Status.BLOCKED, Seat.Status.AVAILABLE
        if entry.action == "seats_unblocked":
            now, then = then, now
        fits = {seat for seat, status in locked.items() if status == now}
        Seat.objects.filter(id__in=fits).update(status=then)
    moving = [seats[seat] for seat in sorted(fits)]
    if entry.action == "seats_zoned":
        _back(event, moving, entry.detail["was"])
    refused = {seats[seat].label: status for seat, status in locked.items() if seat not in fits}
    return Moved([seat.label for seat in moving], refused)


def _back(event: Event, moving: Sequence[Seat], was: Mapping[str, Any]) -> None:
    """Each seat into the zone that it came from, which is made anew when it had gone."""
    for name, old in was.items():
        labels = set(old["seats"])
        if some := [seat for seat in moving if seat.label in labels]:
            zone = _zones(event).get(name) or _make(event, name, old["price"], rank=old["rank"])
            _move(event, some, zone)


def _zones(event: Event) -> dict[str, EventSection]:
    return {zone.name: zone for zone in EventSection.objects.using("default").filter(event=event)}


def _seats(event: Event, **which: Any) -> dict[int, Seat]:
    rows = Seat.objects.using("default").filter(event=event, **which).select_related("section").order_by("id")
    return {seat.id: seat for seat in rows}


def _make(event: Event, name: str, price: int, rank: int | None = None) -> EventSection:
    if rank is None:
        last = EventSection.objects.using("default").filter(event=event).aggregate(last=Max("rank"))["last"]
        rank = 0 if last is None else last + 1
    return EventSection.objects.create(event=event, name=name, price=price, rank=rank)


def _where(seats: Sequence[Seat], zone: EventSection) -> dict[str, Any]:
    """Where the seats were that are not in the zone already: enough to put them back."""
    was: dict[str, Any] = {}
    for seat in seats:
        if (old := seat.section).id != zone.id:
            kept = was.setdefault(old.name, {"price": int(old.price), "rank": old.rank, "seats": []})
            kept["seats"].append(seat.label)
    return was


def _move(event: Event, seats: Sequence[Seat], zone: EventSection) -> None:
    """Locked seats into a zone; zones that are left without seats go, for the catalogue shows their price."""
    Seat.objects.filter(id__in=[seat.id for seat in seats]).update(section=zone)
    EventSection.objects.filter(event=event, seats=None).exclude(id=zone.id).delete()
