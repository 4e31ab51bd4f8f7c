"""The seat map as text: an SVG picture below, a real checkbox for every seat above it.

Built by joining strings, not by a template: 2,400 seats take a few milliseconds. A seat's place is a
class (`x12 y3`) whose offset stands in one generated style sheet, because the Content-Security-Policy
allows no style attributes.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from html import escape

from django.core.cache import cache
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal_site.catalogue.formats import pesos
from portal_site.clients.reservations import Seat, SeatPlan, Section

# All in seat widths.
MARGIN = 1.8
STAGE_DEPTH = 2.5
SECTION_GAP = 2.0
COLOURS = 6
COMPACT_WIDTH = 36
CACHE_SECONDS = 300


@dataclass(frozen=True)
class SeatMap:
    picture: SafeString
    seats: SafeString
    style: SafeString
    # Narrow enough to leave room for the form beside it.
    compact: bool = True

    def with_chosen(self, chosen: Collection[int]) -> "SeatMap":
        """The same map with these seats ticked."""
        html = str(self.seats)
        for seat_id in chosen:
            html = html.replace(f'value="{int(seat_id)}" ', f'value="{int(seat_id)}" checked ', 1)
        return replace(self, seats=mark_safe(html))  # noqa: S308


def seat_map(*, event_id: int, plan: SeatPlan) -> SeatMap:
    """The map of an event's seats as they are in `plan`."""
    if not plan.etag:
        return _build(plan)
    key = f"map:{event_id}:{get_language()}:{hash(plan.etag)}"
    found: SeatMap | None = cache.get(key)
    if found is None:
        found = _build(plan)
        cache.set(key, found, timeout=CACHE_SECONDS)
    return found


def _build(plan: SeatPlan) -> SeatMap:
    return _Builder(plan).build() if plan.seats else SeatMap(SafeString(), SafeString(), SafeString())


def _shifts(seats: Iterable[Seat]) -> dict[int, float]:
    """How far each section is moved down, so that its name has room above it, whatever the venue's plan."""
    spans: dict[int, tuple[float, float]] = {}
    for seat in seats:
        low, high = spans.get(seat.section, (seat.y, seat.y))
        spans[seat.section] = min(low, seat.y), max(high, seat.y)
    shifts: dict[int, float] = {}
    shift, reach = SECTION_GAP, -math.inf
    for section, (low, high) in sorted(spans.items(), key=lambda item: item[1]):
        if low > reach > -math.inf:
            shift += max(0.0, SECTION_GAP - (low - reach - 1))
        reach = max(reach, high)
        shifts[section] = shift
    return shifts


def _grid(value: float) -> float:
    """Rounded to a twentieth of a seat: curved rows would need a style rule a seat otherwise."""
    return round(round(value * 20) / 20, 2)


class _Builder:
    """One pass over a plan; `places` are the upper left corners of the seats."""

    def __init__(self, plan: SeatPlan) -> None:
        shifts = _shifts(plan.seats)
        left, top = min(seat.x for seat in plan.seats), min(seat.y for seat in plan.seats)
        self.places = {
            seat.id: (
                _grid(seat.x - left + MARGIN),
                _grid(seat.y - top + STAGE_DEPTH + shifts[seat.section]),
            )
            for seat in plan.seats
        }
        self.width = max(x for x, _y in self.places.values()) + 1 + MARGIN
        self.height = max(y for _x, y in self.places.values()) + 1.8
        self.xs = {value: n for n, value in enumerate(sorted({x for x, _y in self.places.values()}))}
        self.ys = {value: n for n, value in enumerate(sorted({y for _x, y in self.places.values()}))}
        self.seats_of: dict[int, list[Seat]] = defaultdict(list)
        # Which seats stand in which square of the picture.
        self.squares: dict[tuple[int, int], list[Seat]] = defaultdict(list)
        for seat in plan.seats:
            self.seats_of[seat.section].append(seat)
            x, y = self.places[seat.id]
            self.squares[int(x), int(y)].append(seat)
        known = {section.id: section for section in plan.sections}
        found = [
            known.get(number) or Section(id=number, name="", price=seats[0].price, rank=999)
            for number, seats in self.seats_of.items()
        ]
        self.sections = sorted(found, key=lambda section: (section.rank, section.id))

    def build(self) -> SeatMap:
        style = f".seatmap{{--w:{self.width:g};--h:{self.height:g}}}"
        style += "".join(f".x{n}{{left:calc(var(--u)*{value:g})}}" for value, n in self.xs.items())
        style += "".join(f".y{n}{{top:calc(var(--u)*{value:g})}}" for value, n in self.ys.items())
        groups = "".join(self._group(section, n % COLOURS) for n, section in enumerate(self.sections))
        # Everything that came from outside was escaped where it was put in.
        return SeatMap(
            mark_safe(self._picture()),  # noqa: S308
            mark_safe(groups),  # noqa: S308
            mark_safe(style),  # noqa: S308
            self.width <= COMPACT_WIDTH,
        )

    def _group(self, section: Section, colour: int) -> str:
        name, occupied = escape(section.name), escape(_("ocupado"))
        free, taken = f", {name}, ", f", {name}, {occupied}"
        parts = [
            f'<div role="group" class="p{colour}" aria-label="{name}, {pesos(section.price)}" data-section="{name}">'
        ]
        for seat in self.seats_of[section.id]:
            x, y = self.places[seat.id]
            label = escape(seat.seat_number)
            is_free = seat.status == "available"
            said = f"{free}{pesos(seat.price)}" if is_free else taken
            parts.append(
                f'<input type="checkbox" name="seat" value="{seat.id}" class="x{self.xs[x]} y{self.ys[y]}" '
                f'data-seat="{label}" data-price="{seat.price}" aria-label="{label}{said}"'
                f"{'' if is_free else ' disabled'}>"
            )
        parts.append("</div>")
        return "".join(parts)

    def _picture(self) -> str:
        middle, half = self.width / 2, min(self.width * 0.32, 12)
        stage_name = escape(_("ESCENARIO"))
        stage = (
            f'<path class="stage" d="M{middle - half:g} .5h{2 * half:g}l.8 1.5'
            f'q-{half + 0.8:g} 1.2 -{2 * half + 1.6:g} 0z"/>'
            f'<text class="stage-name" x="{middle:g}" y="1.75">{stage_name}</text>'
        )
        areas, names = [], []
        for number, section in enumerate(self.sections):
            rows: dict[str, list[Seat]] = defaultdict(list)
            for seat in self.seats_of[section.id]:
                rows[seat.row].append(seat)
            lines = [sorted(row, key=lambda seat: self.places[seat.id]) for row in rows.values()]
            areas.append(f'<path class="area p{number % COLOURS}" d="{self._outline(lines)}"/>')
            names.append(self._section_name(section, lines[0]))
            names += [self._row_names(line) for line in lines]
        box = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        drawn = stage + "".join(areas) + "".join(names)
        return f'<svg class="picture" {box} aria-hidden="true" focusable="false">{drawn}</svg>'

    def _middle(self, seat: Seat) -> tuple[float, float]:
        x, y = self.places[seat.id]
        return x + 0.5, y + 0.5

    def _outline(self, lines: list[list[Seat]]) -> str:
        """Round the middles of the outer seats; a thick stroke makes it as wide as the seats."""
        ring = lines[0] + [line[-1] for line in lines[1:]] + lines[-1][::-1] + [line[0] for line in lines[-2:0:-1]]
        return "M" + "L".join(f"{x:g} {y:g}" for x, y in map(self._middle, ring)) + "z"

    def _section_name(self, section: Section, front: list[Seat]) -> str:
        """Above the middle of the front row, along the row where it is curved."""
        at = max(0, (len(front) - 1) // 2 - 2)
        (x1, y1), (x2, y2) = self._middle(front[at]), self._middle(front[-1 - at])
        x, y = (x1 + x2) / 2, (y1 + y2) / 2 - 0.95
        turn = math.degrees(math.atan2(y2 - y1, x2 - x1)) if x2 > x1 else 0.0
        turned = f' transform="rotate({turn:.1f} {x:g} {y:g})"' if abs(turn) > 0.5 else ""
        words = f"{escape(section.name)} · {pesos(section.price)}"
        return f'<text class="section-name" x="{x:g}" y="{y:g}"{turned}>{words}</text>'

    def _row_names(self, line: list[Seat]) -> str:
        """At both ends of a row, where no other seat stands."""
        first, last, row = line[0], line[-1], escape(line[0].row)
        (left, left_y), (right, right_y) = self.places[first.id], self.places[last.id]
        names = ""
        if self._is_empty(left - 1.6, left_y, 1.6, first):
            names += f'<text class="row-name" x="{left - 0.85:g}" y="{left_y + 0.68:g}">{row}</text>'
        if self._is_empty(right + 1, right_y, 3.0, last):
            names += f'<text class="row-name" x="{right + 1.85:g}" y="{right_y + 0.68:g}">{row}</text>'
        return names

    def _is_empty(self, x: float, y: float, width: float, but: Seat) -> bool:
        """Whether a stretch of this width, one seat high, holds no other seat."""
        for column in range(int(x) - 1, int(x + width) + 1):
            for level in range(int(y) - 1, int(y) + 2):
                for seat in self.squares.get((column, level), ()):
                    seat_x, seat_y = self.places[seat.id]
                    if seat.id != but.id and x - 0.95 < seat_x < x + width - 0.05 and abs(seat_y - y) < 0.8:
                        return False
        return True
