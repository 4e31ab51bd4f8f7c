"""From a few numbers to the seats of a plan: rows, aisles, missing seats, and where each stands on the picture.

Pure: nothing here touches the database. Lengths are in seat widths; the stage is above y = 0.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

LARGEST_SECTION = 5000
GAP_BETWEEN_SECTIONS = 2
# The flattest arc that still looks like one: its radius at the stage, in widths of the widest level.
ROUNDNESS = 1.3


class PlanError(ValueError):
    """The numbers make no plan; the text says which ones, in Spanish."""


@dataclass(frozen=True)
class SectionPlan:
    """A rectangle of rows. An aisle is a gap after each seat number of `aisles_after`; `missing` are (row, number).

    Sections of the same `level` stand side by side, levels behind one another.
    """

    name: str
    rows: int
    seats: int
    prefix: str = ""
    aisles_after: tuple[int, ...] = ()
    missing: frozenset[tuple[str, int]] = frozenset()
    level: int | None = None

    def check(self) -> None:
        """Raises PlanError."""
        if self.rows < 1 or self.seats < 1 or self.rows * self.seats > LARGEST_SECTION:
            raise PlanError(
                _("%(section)s: filas × asientos debe estar entre 1 y %(most)d")
                % {"section": self.name, "most": LARGEST_SECTION}
            )
        if wrong := [after for after in self.aisles_after if not 0 < after < self.seats]:
            raise PlanError(
                _("%(section)s: no hay pasillo después del asiento %(seat)d") % {"section": self.name, "seat": wrong[0]}
            )
        rows = {row_name(rank) for rank in range(self.rows)}
        for row, number in self.missing:
            if row not in rows or not 0 < number <= self.seats:
                raise PlanError(
                    _("%(section)s: no existe el asiento %(seat)s") % {"section": self.name, "seat": f"{row}-{number}"}
                )

    def shape(self) -> dict[str, Any]:
        """The numbers as JSON keeps them."""
        missing = [f"{row}-{number}" for row, number in sorted(self.missing)]
        return {
            "rows": self.rows,
            "seats": self.seats,
            "aisles_after": list(self.aisles_after),
            "missing": missing,
            "level": self.level,
        }

    @property
    def width(self) -> int:
        return self.seats + len(self.aisles_after)


class PlacedSeat(NamedTuple):
    section: int
    label: str
    row: str
    row_rank: int
    number: int
    position: int
    x: float
    y: float


@dataclass
class Layout:
    """Where the seats of all sections stand; `x` is 0 in the middle of the stage."""

    sections: Sequence[SectionPlan]
    curved: bool = True
    _labels: set[str] = field(default_factory=set)

    def seats(self) -> list[PlacedSeat]:
        """Every seat in section, row and number order. Raises PlanError."""
        for section in self.sections:
            section.check()
        if not self.sections:
            raise PlanError(_("El plano necesita al menos un sector"))
        placed = [seat for level in self._levels() for seat in level]
        placed.sort(key=lambda seat: (seat.section, seat.row_rank, seat.number))
        self._labels.clear()
        for seat in placed:
            if seat.label in self._labels:
                raise PlanError(_("El asiento %s se repite: use un prefijo distinto por sector") % seat.label)
            self._labels.add(seat.label)
        return self._bent(placed) if self.curved else placed

    def _levels(self) -> Iterator[Iterable[PlacedSeat]]:
        depth = 0.0
        by_level: dict[int, list[int]] = {}
        for index, section in enumerate(self.sections):
            by_level.setdefault(index if section.level is None else section.level, []).append(index)
        for _level, indexes in sorted(by_level.items()):
            width = sum(self.sections[i].width for i in indexes) + GAP_BETWEEN_SECTIONS * (len(indexes) - 1)
            left = -(width - 1) / 2
            for index in indexes:
                yield self._section(index, left=left, depth=depth)
                left += self.sections[index].width + GAP_BETWEEN_SECTIONS
            deepest = max(self.sections[i].rows for i in indexes)
            depth += deepest + GAP_BETWEEN_SECTIONS

    def _section(self, index: int, *, left: float, depth: float) -> list[PlacedSeat]:
        section = self.sections[index]
        seats = []
        for rank in range(section.rows):
            row = row_name(rank)
            for number in range(1, section.seats + 1):
                if (row, number) in section.missing:
                    continue
                position = number + sum(after < number for after in section.aisles_after)
                label = f"{row}-{number}" if not section.prefix else f"{section.prefix}-{row}-{number}"
                seats.append(PlacedSeat(index, label, row, rank, number, position, left + position - 1, depth + rank))
        return seats

    @staticmethod
    def _bent(seats: Sequence[PlacedSeat]) -> list[PlacedSeat]:
        """Rows as arcs round the stage: a seat keeps its distance along the row and its depth."""
        radius = max(12.0, ROUNDNESS * 2 * max(abs(seat.x) for seat in seats))
        bent = []
        for seat in seats:
            angle = seat.x / (radius + seat.y)
            x, y = (radius + seat.y) * math.sin(angle), (radius + seat.y) * math.cos(angle) - radius
            bent.append(seat._replace(x=round(x, 2), y=round(y, 2)))
        top = min(seat.y for seat in bent)
        return [seat._replace(y=round(seat.y - top, 2)) for seat in bent]


def row_name(rank: int) -> str:
    """A, B, … Z, AA, AB, … for 0, 1, … 25, 26, 27, …"""
    name = ""
    rank += 1
    while rank:
        rank, letter = divmod(rank - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
