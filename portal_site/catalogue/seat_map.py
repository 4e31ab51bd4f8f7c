"""The seat map: an SVG picture of the house, the plan as JSON for the script, and checkboxes for who has none.

With JavaScript the seats are drawn into the picture from the JSON, which a browser keeps; without it there is a
real checkbox for every seat. All is built by joining strings, not by a template. A checkbox's place is a class
(`x12 y3`) whose offset stands in one generated style sheet, because the Content-Security-Policy allows no
style attributes.
"""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from django.core.cache import cache
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal_site.catalogue import floor
from portal_site.catalogue.formats import pesos
from portal_site.clients.reservations import Seat, SeatPlan

# All in seat widths.
MARGIN = 1.8
STAGE_DEPTH = 2.5
SECTION_GAP = 2.0
COLOURS = 6
COMPACT_WIDTH = 36
CACHE_SECONDS = 300
# Without JavaScript a larger house is shown one section at a time.
CHECKBOXES_AT_ONCE = 3000
# Places are multiples of a twentieth of a seat: curved rows would need a style rule a seat otherwise.
STEPS = 20


@dataclass(frozen=True)
class SeatMap:
    picture: SafeString
    # How large the picture is; for everybody.
    style: SafeString
    # Where the checkboxes stand; without JavaScript.
    places: SafeString
    classes: dict[int, str]
    # The plan for the script. `version` changes whenever it does.
    plan: str = ""
    version: str = ""
    # Narrow enough to leave room for the form beside it.
    compact: bool = True


def seat_map(*, event_id: int, plan: SeatPlan) -> SeatMap:
    """The map of an event's house, whatever is sold of it."""
    if not plan.seats:
        return SeatMap(SafeString(), SafeString(), SafeString(), {})
    # Not by the plan's ETag, which is another one with each seat that is sold.
    house = hash((plan.sections, *(seat.place() for seat in plan.seats)))
    key = f"map:{event_id}:{get_language()}:{house}"
    found: SeatMap | None = cache.get(key)
    if found is None:
        found = _Builder(plan).build()
        cache.set(key, found, timeout=CACHE_SECONDS)
    return found


def spoken(seat: Seat, section: str) -> str:
    """A seat as it is said aloud, without its state: "Platea, fila C, asiento 12, $25.000"."""
    parts = [section, _("fila %s") % seat.row, _("asiento %s") % seat.number, pesos(seat.price)]
    return ", ".join(part for part in parts if part)


def checkboxes(plan: SeatPlan, drawn: SeatMap, *, chosen: Collection[int], only: int | None = None) -> SafeString:
    """A checkbox for every seat, or for those of one section."""
    zones = floor.zones(sections := floor.sections_of(plan))
    seats: dict[int, list[Seat]] = defaultdict(list)
    for seat in plan.seats:
        seats[seat.section].append(seat)
    parts = []
    for section in sections:
        if only is not None and section.id != only:
            continue
        zone = zones[section.price]
        parts.append(
            f'<div role="group" class="p{zone % COLOURS}" aria-label="{escape(section.name)}, {pesos(section.price)}">'
        )
        parts += [
            _checkbox(seat, section.name, drawn.classes[seat.id], seat.id in chosen) for seat in seats[section.id]
        ]
        parts.append("</div>")
    # Everything that came from outside was escaped where it was put in.
    return mark_safe("".join(parts))  # noqa: S308


def _checkbox(seat: Seat, section: str, place: str, is_chosen: bool) -> str:
    is_free = seat.status == "available"
    said = escape(f"{spoken(seat, section)}, {_('libre') if is_free else _('ocupado')}")
    state = " checked" if is_free and is_chosen else "" if is_free else " disabled"
    return (
        f'<input type="checkbox" name="seat" value="{seat.id}"{state} class="{place}" '
        f'title="{escape(seat.seat_number)}" aria-label="{said}">'
    )


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
    return round(round(value * STEPS) / STEPS, 2)


def _steps(values: Iterable[float]) -> list[int]:
    """Each value's distance from the one before, the first from 0: small numbers, which compress well."""
    return [after - before for before, after in pairwise([0, *map(round, values)])]


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
        self.width = round(max(x for x, _y in self.places.values()) + 1 + MARGIN, 2)
        self.height = round(max(y for _x, y in self.places.values()) + 1.8, 2)
        self.rows = floor.rows_of(plan)
        # Which seats stand in which square of the picture.
        self.squares: dict[tuple[int, int], list[Seat]] = defaultdict(list)
        for seat in plan.seats:
            x, y = self.places[seat.id]
            self.squares[int(x), int(y)].append(seat)
        self.sections = floor.sections_of(plan)
        self.zones = floor.zones(self.sections)

    def build(self) -> SeatMap:
        xs = {value: n for n, value in enumerate(sorted({x for x, _y in self.places.values()}))}
        ys = {value: n for n, value in enumerate(sorted({y for _x, y in self.places.values()}))}
        places = "".join(f".x{n}{{left:calc(var(--u)*{value:g})}}" for value, n in xs.items())
        places += "".join(f".y{n}{{top:calc(var(--u)*{value:g})}}" for value, n in ys.items())
        plan = json.dumps(self._plan(), ensure_ascii=False, separators=(",", ":"))
        # Everything that came from outside was escaped where it was put in.
        return SeatMap(
            picture=mark_safe(self._picture()),  # noqa: S308
            style=mark_safe(f".mapbox{{--w:{self.width:g};--h:{self.height:g}}}"),  # noqa: S308
            places=mark_safe(places),  # noqa: S308
            classes={seat: f"x{xs[x]} y{ys[y]}" for seat, (x, y) in self.places.items()},
            plan=plan,
            version=hashlib.blake2b(plan.encode(), digest_size=8).hexdigest(),
            compact=self.width <= COMPACT_WIDTH,
        )

    def _plan(self) -> dict[str, object]:
        return {
            "w": self.width,
            "h": self.height,
            "sections": [
                {
                    "id": section.id,
                    "name": section.name,
                    "price": section.price,
                    "zone": self.zones[section.price],
                    "rows": [self._row(row) for (key, _name), row in self.rows.items() if key == section.id],
                }
                for section in self.sections
            ],
        }

    def _row(self, row: list[Seat]) -> dict[str, object]:
        prefix = row[0].seat_number.removesuffix(str(row[0].number))
        regular = all(seat.seat_number == f"{prefix}{seat.number}" for seat in row)
        return {
            "row": row[0].row,
            "names": prefix if regular else [seat.seat_number for seat in row],
            "ids": _steps(seat.id for seat in row),
            "numbers": _steps(seat.number for seat in row),
            "x": _steps(self.places[seat.id][0] * STEPS for seat in row),
            "y": _steps(self.places[seat.id][1] * STEPS for seat in row),
        }

    def _picture(self) -> str:
        middle, half = self.width / 2, min(self.width * 0.32, 12)
        stage_name = escape(_("ESCENARIO"))
        stage = (
            f'<path class="stage" d="M{middle - half:g} .5h{2 * half:g}l.8 1.5'
            f'q-{half + 0.8:g} 1.2 -{2 * half + 1.6:g} 0z"/>'
            f'<text class="stage-name" x="{middle:g}" y="1.75">{stage_name}</text>'
        )
        areas, names, letters = [], [], []
        for section in self.sections:
            zone = self.zones[section.price]
            lines = [row for (key, _name), row in self.rows.items() if key == section.id]
            areas.append(f'<path class="area p{zone % COLOURS}" d="{self._outline(lines)}"/>')
            names.append(self._section_name(f"{floor.letter(zone)} · {section.name}", section.price, lines[0]))
            names += [self._row_names(line) for line in lines]
            letters.append(self._letter(zone, lines))
        box = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        near = f'<g class="near">{"".join(names)}</g>'
        drawn = f'{stage}{"".join(areas)}<g id="drawn"></g>{near}<g class="far">{"".join(letters)}</g>'
        return f'<svg class="picture" {box} aria-hidden="true" focusable="false">{drawn}</svg>'

    def _middle(self, seat: Seat) -> tuple[float, float]:
        x, y = self.places[seat.id]
        return x + 0.5, y + 0.5

    def _outline(self, lines: list[list[Seat]]) -> str:
        """Round the middles of the outer seats; a thick stroke makes it as wide as the seats."""
        ring = lines[0] + [line[-1] for line in lines[1:]] + lines[-1][::-1] + [line[0] for line in lines[-2:0:-1]]
        return "M" + "L".join(f"{x:g} {y:g}" for x, y in map(self._middle, ring)) + "z"

    def _letter(self, zone: int, lines: list[list[Seat]]) -> str:
        """The zone's letter in the middle of a section, for a map seen from afar."""
        line = lines[len(lines) // 2]
        x, y = self._middle(line[len(line) // 2])
        return (
            f'<circle class="p{zone % COLOURS}" cx="{x:g}" cy="{y:g}"/>'
            f'<text x="{x:g}" y="{y:g}" dy=".36em">{floor.letter(zone)}</text>'
        )

    def _section_name(self, name: str, price: int, front: list[Seat]) -> str:
        """Above the middle of the front row, along the row where it is curved."""
        at = max(0, (len(front) - 1) // 2 - 2)
        (x1, y1), (x2, y2) = self._middle(front[at]), self._middle(front[-1 - at])
        x, y = (x1 + x2) / 2, (y1 + y2) / 2 - 0.95
        turn = math.degrees(math.atan2(y2 - y1, x2 - x1)) if x2 > x1 else 0.0
        turned = f' transform="rotate({turn:.1f} {x:g} {y:g})"' if abs(turn) > 0.5 else ""
        words = f"{escape(name)} · {pesos(price)}"
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
