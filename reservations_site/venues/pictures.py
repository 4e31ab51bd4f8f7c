"""The picture of a plan or of an event's seats, ready for the SVG template."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

MARGIN = 2.5
STAGE_DEPTH = 4.0
NAME_BEFORE = 1.1


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


@dataclass(frozen=True)
class Dot:
    id: int
    label: str
    status: str
    x: str
    y: str


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


def draw(spots: Iterable[Spot]) -> Picture | None:
    """The picture; None without seats."""
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
        for rank, row in groupby(section, key=lambda spot: spot.row_rank):
            seats = list(row)
            rows.append(_mark(seats[0].row, seats[0].x - 1.05, seats[0].y + 0.25))
            if rank == 0:
                sections.append(_before(name, seats))
    box = (left - MARGIN, top - STAGE_DEPTH - 1, right - left + 2 * MARGIN, bottom - top + STAGE_DEPTH + 1 + MARGIN)
    return Picture(
        view_box=" ".join(f"{number:.2f}" for number in box),
        width=round(box[2] * 34),
        stage_x=f"{middle - stage_width / 2:.2f}",
        stage_y=f"{top - STAGE_DEPTH:.2f}",
        stage_width=f"{stage_width:.2f}",
        dots=[Dot(s.id, s.label, s.status, f"{s.x:.2f}", f"{s.y:.2f}") for s in found],
        sections=sections,
        rows=rows,
    )


def _before(name: str, row: list[Spot]) -> Mark:
    """The section's name in front of its first row, turned as that row is."""
    left, right = row[(len(row) - 1) // 2], row[len(row) // 2]
    x, y = (left.x + right.x) / 2, (left.y + right.y) / 2
    slope = math.atan2(row[-1].y - row[0].y, max(0.01, row[-1].x - row[0].x))
    # Towards the stage, at a right angle to the row.
    x, y = x + NAME_BEFORE * math.sin(slope), y - NAME_BEFORE * math.cos(slope)
    return Mark(name, f"{x:.2f}", f"{y:.2f}", f"{math.degrees(slope):.1f}")


def _mark(text: str, x: float, y: float) -> Mark:
    return Mark(text, f"{x:.2f}", f"{y:.2f}")
