"""Which free seats to give: side by side, near the stage and the middle, leaving no single seat behind."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

# What a choice costs, in seat widths: a row further back, and a single seat left that nobody will buy.
ROW_BACK = 2.0
SINGLE_LEFT = 6.0


class Place(NamedTuple):
    """A free seat: its section's and its row's rank from the stage, its place in the row, how far from the middle."""

    section_rank: int
    section_id: int
    row_rank: int
    position: int
    seat_id: int
    from_middle: float


def best_available(free: Iterable[Place], quantity: int) -> list[Place]:
    """The best `quantity` places, in one row without an aisle between where possible; empty when too few are free."""
    places = sorted(free)
    if quantity < 1 or len(places) < quantity:
        return []
    runs = neighbours(places)
    windows = [
        (_cost(run, start, quantity), run[start : start + quantity])
        for run in runs
        for start in range(len(run) - quantity + 1)
    ]
    if windows:
        return min(windows, key=lambda window: (window[0], window[1][0]))[1]
    return _in_pieces(runs, quantity)


def neighbours(places: Sequence[Place]) -> list[list[Place]]:
    """Runs of places that stand side by side; an aisle is a gap in `position`."""
    starts = {0, len(places)}
    for index, (left, right) in enumerate(pairwise(places), start=1):
        side_by_side = left[:3] == right[:3] and right.position == left.position + 1
        if not side_by_side:
            starts.add(index)
    return [list(places[begin:end]) for begin, end in pairwise(sorted(starts))]


def _cost(run: Sequence[Place], start: int, quantity: int) -> tuple[int, float]:
    """Better sections first; within one, rows further back and seats off the middle cost more."""
    window = run[start : start + quantity]
    left, right = start, len(run) - start - quantity
    singles = (left == 1) + (right == 1)
    middle = sum(place.from_middle for place in window) / quantity
    return window[0].section_rank, ROW_BACK * window[0].row_rank + middle + SINGLE_LEFT * singles


def _in_pieces(runs: Sequence[list[Place]], quantity: int) -> list[Place]:
    """No row has enough together: as few pieces as the best section with room allows, else anywhere."""
    for _section, some in groupby(runs, key=lambda run: run[0][:2]):
        section_runs = list(some)
        if sum(map(len, section_runs)) >= quantity:
            return _largest_first(section_runs, quantity)
    return _largest_first(runs, quantity)


def _largest_first(runs: Sequence[list[Place]], quantity: int) -> list[Place]:
    chosen: list[Place] = []
    for run in sorted(runs, key=lambda run: (-len(run), run[0])):
        chosen += run[: quantity - len(chosen)]
        if len(chosen) == quantity:
            break
    return sorted(chosen)
