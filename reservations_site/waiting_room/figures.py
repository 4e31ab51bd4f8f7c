"""The room as a chart for staff: who waits, who was let in, who has reserved, minute by minute."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Max, Min
from django.db.models.functions import TruncMinute
from django.utils import timezone
from django.utils.translation import gettext as _

from reservations_site.events.figures import BASE, HEIGHT, LEFT, TOP, WIDTH, _round_up
from reservations_site.waiting_room.models import Place, Room

MINUTE = timedelta(minutes=1)
LONGEST = timedelta(hours=6)
MOST_POINTS = 120


class Line(NamedTuple):
    kind: str
    name: str
    points: str
    last: int


class Chart(NamedTuple):
    lines: list[Line]
    grid: list[tuple[str, int]]
    labels: list[tuple[str, str]]
    rows: list[tuple[str, int, int, int]]

    @property
    def size(self) -> dict[str, str]:
        return {"width": str(WIDTH), "height": str(HEIGHT), "left": str(LEFT), "under": str(BASE + 18)}


def chart(room: Room) -> Chart | None:
    """The last hours in which something happened; None while nobody came."""
    places = Place.objects.filter(room=room).order_by()
    ends = places.aggregate(first=Min("created_at"), joined=Max("created_at"), let_in=Max("let_in_at"))
    if ends["first"] is None:
        return None
    last = max(moment for moment in (ends["joined"], ends["let_in"]) if moment is not None)
    now = timezone.now().replace(second=0, microsecond=0)
    end = min(now, last.replace(second=0, microsecond=0) + 10 * MINUTE)
    start = max(ends["first"].replace(second=0, microsecond=0), end - LONGEST)
    count = max(1, int((end - start) / MINUTE))
    step = -(-count // MOST_POINTS)
    moments = [start + MINUTE * step * number for number in range(count // step + 1)]
    came, entered, bought = (_running(places, field, moments) for field in ("created_at", "let_in_at", "used_at"))
    waiting = [one - other for one, other in zip(came, entered, strict=True)]
    return _drawn(moments, waiting, entered, bought)


def _running(places: Any, field: str, moments: list[datetime]) -> list[int]:
    """How many there were by the end of the minute of each moment."""
    rows = places.exclude(**{field: None}).annotate(slot=TruncMinute(field)).values_list("slot").annotate(Count("id"))
    left, total, found = sorted(rows), 0, []
    for moment in moments:
        while left and left[0][0] <= moment:
            total += left.pop(0)[1]
        found.append(total)
    return found


def _drawn(moments: list[datetime], waiting: list[int], entered: list[int], bought: list[int]) -> Chart:
    top = _round_up(max(*waiting, *entered, *bought, 1))
    across = (WIDTH - LEFT - 8) / max(1, len(moments) - 1)

    def line(kind: str, name: str, values: list[int]) -> Line:
        ends = [*values, values[-1]] if len(values) == 1 else values
        width = across if len(values) > 1 else WIDTH - LEFT - 8
        at = (
            f"{LEFT + number * width:.1f},{BASE - value * (BASE - TOP) / top:.1f}" for number, value in enumerate(ends)
        )
        return Line(kind, name, " ".join(at), values[-1])

    hours = [f"{timezone.localtime(moment):%H:%M}" for moment in moments]
    every = -(-len(moments) // 8)
    return Chart(
        [
            line("waiting", _("Esperando"), waiting),
            line("inside", _("Entraron"), entered),
            line("bought", _("Reservaron"), bought),
        ],
        [(f"{BASE - (BASE - TOP) * part / 4:.1f}", top * part // 4) for part in range(5)],
        [(f"{LEFT + number * across:.1f}", hours[number]) for number in range(0, len(moments), every)],
        list(zip(hours, waiting, entered, bought, strict=True))[:: max(1, every // 2)],
    )
