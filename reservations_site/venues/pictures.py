"""The picture of a plan or of an event's seats, ready for the SVG template."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

MARGIN = 2.5
STAGE_DEPTH = 4.0
NAME_BEFORE = 1.1
# So many zones have a colour of their own.
COLOURS = 8


class Spot(NamedTuple):
    """A seat as it is drawn."""

    section: str
    row_rank: int
    row: str
    label: str
    x: float
    y: float
    status: str = "available"
    id: int = 0


@dataclass(frozen=True)
class Mark:
    """A word on the picture: a section's name, or a row's at its left end. Numbers are text: no locale's comma."""

    text: str
    x: str
    y: str
    turn: str = "0"
    row: str = ""


@dataclass(frozen=True)
class Dot:
    id: int
    label: str
    status: str
    x: str
    y: str
    section: str
    row: str
    zone: int


@dataclass(frozen=True)
class Picture:
    view_box: str
    width: int
    stage_x: str
    stage_y: str
    stage_width: str
    dots: list[Dot]
    sections: list[Mark]
    rows: list[Mark]


def draw(spots: Iterable[Spot], zones: Sequence[str] = ()) -> Picture | None:
    """The picture; None without seats. `zones` are the sections in the order of their colours."""
    found = sorted(spots, key=lambda spot: (spot.section, spot.row_rank, spot.x))
    if not found:
        return None
    left, right = min(s.x for s in found), max(s.x for s in found)
    top, bottom = min(s.y for s in found), max(s.y for s in found)
    middle, width = (left + right) / 2, right - left
    stage_width = max(8.0, width * 0.42)
    left, right = min(left, middle - stage_width / 2), max(right, middle + stage_width / 2)
    sections, rows = [], []
    for name, section in groupby(found, key=lambda spot: spot.section):
        _rank, first = next(groupby(section, key=lambda spot: spot.row_rank))
        mark = _before(name, list(first))
        # A zone amid other seats has no room for its name; the legend has it.
        if not any(abs(s.x - float(mark.x)) < 1 and abs(s.y - float(mark.y)) < 0.8 for s in found):
            sections.append(mark)
    for row, seats in groupby(
        sorted(found, key=lambda spot: (row_of(spot.label), spot.x)), key=lambda s: row_of(s.label)
    ):
        end = next(seats)
        rows.append(Mark(end.row, f"{end.x - 1.05:.2f}", f"{end.y + 0.25:.2f}", row=row))
    order = {name: index for index, name in enumerate(zones)}
    box = (left - MARGIN, top - STAGE_DEPTH - 1, right - left + 2 * MARGIN, bottom - top + STAGE_DEPTH + 1 + MARGIN)
    return Picture(
        view_box=" ".join(f"{number:.2f}" for number in box),
        width=round(box[2] * 34),
        stage_x=f"{middle - stage_width / 2:.2f}",
        stage_y=f"{top - STAGE_DEPTH:.2f}",
        stage_width=f"{stage_width:.2f}",
        dots=[
            Dot(
                s.id,
                s.label,
                s.status,
                f"{s.x:.2f}",
                f"{s.y:.2f}",
                s.section,
                row_of(s.label),
                order.get(s.section, 0) % COLOURS,
            )
            for s in found
        ],
        sections=sections,
        rows=rows,
    )


def row_of(label: str) -> str:
    """The row of a seat's label, unlike any other of the event: PL-A of PL-A-1."""
    return label.rpartition("-")[0]


def _before(name: str, row: list[Spot]) -> Mark:
    """The section's name in front of its first row, turned as that row is."""
    left, right = row[(len(row) - 1) // 2], row[len(row) // 2]
    x, y = (left.x + right.x) / 2, (left.y + right.y) / 2
    slope = math.atan2(row[-1].y - row[0].y, max(0.01, row[-1].x - row[0].x))
    # Towards the stage, at a right angle to the row.
    x, y = x + NAME_BEFORE * math.sin(slope), y - NAME_BEFORE * math.cos(slope)
    return Mark(name, f"{x:.2f}", f"{y:.2f}", f"{math.degrees(slope):.1f}")
