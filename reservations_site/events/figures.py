"""What an event's page tells staff: sales by hour and by day, money by zone, how far its cancellation is."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from reservations_site.events.models import Event, EventSection
from reservations_site.reservations.models import AuditEntry, Line

HOURS = 48
# With more days than this a bar is a week.
MOST_BARS = 62
WIDTH, HEIGHT, LEFT, TOP, BASE = 760, 220, 44, 12, 190


class Bar(NamedTuple):
    """A bar of the chart; numbers are text, for no locale's comma may come between."""

    x: str
    y: str
    width: str
    height: str
    middle: str
    label: str
    name: str
    seats: int


class Chart(NamedTuple):
    bars: list[Bar]
    lines: list[tuple[str, int]]
    total: int
    title: str
    words: str

    @property
    def size(self) -> dict[str, str]:
        return {
            "width": str(WIDTH),
            "height": str(HEIGHT),
            "left": str(LEFT),
            "under": str(BASE + 18),
        }


def sales(event: Event) -> list[Chart]:
    """Seats paid for: by hour over the last two days of the sale, and by day (or week) over all of it when longer."""
    paid = AuditEntry.objects.using("default").filter(event=event, action="confirmed").order_by()
    ends = paid.aggregate(first=Min("at"), last=Max("at"))
    if ends["first"] is None:
        return []
    last = timezone.localtime(ends["last"]).replace(minute=0, second=0, microsecond=0)
    # Counted back in UTC: a day when the clocks change has 23 or 25 hours.
    hours = [timezone.localtime(last.astimezone(UTC) - timedelta(hours=back)) for back in reversed(range(HOURS))]
    recent = paid.filter(at__gte=hours[0]).annotate(slot=TruncHour("at")).values_list("slot").annotate(Count("id"))
    found = [_chart(_("Ventas por hora"), hours, dict(recent), _hour, lambda at: f"{at:%H}h")]
    if timezone.localtime(ends["first"]) < hours[0]:
        found.append(_by_day(paid, timezone.localtime(ends["first"]).date(), last.date()))
    return found


def _by_day(paid: Any, first: date, last: date) -> Chart:
    rows = paid.annotate(slot=TruncDay("at")).values_list("slot").annotate(Count("id"))
    counts = {slot.date(): count for slot, count in rows}
    step = 1 if (last - first).days < MOST_BARS else 7
    starts = [first + timedelta(days=days) for days in range(0, (last - first).days + 1, step)]
    summed = {at: sum(counts.get(at + timedelta(days=day), 0) for day in range(step)) for at in starts}
    title = _("Ventas por día") if step == 1 else _("Ventas por semana")
    return _chart(title, starts, summed, _day, lambda at: f"{at:%d-%m}")


def _hour(at: datetime) -> str:
    return f"{_day(at)} {at:%H}:00"


def _day(at: date) -> str:
    return date_format(at, "j b")


def _chart(
    title: str, slots: list[Any], counts: dict[Any, int], name: Callable[[Any], str], label: Callable[[Any], str]
) -> Chart:
    most = max(counts.get(slot, 0) for slot in slots)
    top = _round_up(most)
    room = (WIDTH - LEFT - 8) / len(slots)
    every = -(-len(slots) // 12)
    bars = []
    for number, slot in enumerate(slots):
        count = counts.get(slot, 0)
        height, width = count * (BASE - TOP) / top, max(1.0, room * 0.7)
        x = LEFT + number * room + (room - width) / 2
        left, up, wide, high, middle = (f"{at:.1f}" for at in (x, BASE - height, width, height, x + width / 2))
        bars.append(Bar(left, up, wide, high, middle, label(slot) if number % every == 0 else "", name(slot), count))
    total = sum(bar.seats for bar in bars)
    best = max(bars, key=lambda bar: bar.seats)
    words = ngettext("%(total)d asiento pagado", "%(total)d asientos pagados", total) % {"total": total}
    words += ". " + _("Lo más alto: %(count)d, %(when)s.") % {"count": best.seats, "when": best.name}
    lines = [(f"{BASE - (BASE - TOP) * part / 4:.1f}", top * part // 4) for part in range(5)]
    return Chart(bars, lines, total, title, words)


def _round_up(most: int) -> int:
    """The next of 4, 8, 20, 40, 80, 200, …: a scale whose quarters are whole seats."""
    step = 4
    while True:
        for factor in (1, 2, 5):
            if most <= step * factor:
                return step * factor
        step *= 10


class ZoneMoney(NamedTuple):
    name: str
    price: int
    seats: int
    paid: int
    money: int
    held: int
    held_money: int


def money(event: Event) -> list[ZoneMoney]:
    """What each zone's live lines cost, at the prices that they were taken at; then all zones together."""
    live = Line.objects.using("default").filter(seat__event=event, status__in=Line.LIVE).order_by()
    sums = live.values_list("seat__section", "status").annotate(Count("id"), Sum("price"))
    found = {(zone, status): (count, int(price)) for zone, status, count, price in sums}
    zones = EventSection.objects.using("default").filter(event=event).annotate(total=Count("seats"))
    rows = [
        ZoneMoney(
            zone.name,
            int(zone.price),
            zone.total,
            *found.get((zone.id, Line.Status.CONFIRMED), (0, 0)),
            *found.get((zone.id, Line.Status.HELD), (0, 0)),
        )
        for zone in zones.order_by("rank", "id")
    ]
    if len(rows) > 1:
        sums_of = [sum(column) for column in list(zip(*rows, strict=True))[2:]]
        rows.append(ZoneMoney(str(_("Total")), 0, *sums_of))
    return rows


def ending(event: Event) -> dict[str, int | bool]:
    """How far the cancellation is, in seats: `total` were reserved or sold, `ended` are free, `left` are not."""
    cancelled = AuditEntry.objects.using("default").filter(event=event, action="event_cancelled")
    since: datetime | None = cancelled.aggregate(at=Min("at"))["at"]
    lines = Line.objects.using("default").filter(reservation__event=event)
    over = Q(status=Line.Status.RELEASED, reservation__ask_reason="event_cancelled")
    asked = Q(status__in=Line.LIVE, reservation__ask_reason="event_cancelled")
    found = lines.aggregate(
        ended=Count("id", filter=over & Q(changed_at__gte=since) if since else over),
        asked=Count("id", filter=asked),
        left=Count("id", filter=Q(status__in=Line.LIVE)),
    )
    total = found["ended"] + found["left"]
    percent = 100 if not total else 100 * found["ended"] // total
    waiting = found["left"] - found["asked"]
    return {**found, "waiting": waiting, "total": total, "percent": percent, "done": not found["left"]}
