"""What a plan says of its seats: price zones, rows, who sits beside whom. Pure; lengths are in seat widths."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from string import ascii_uppercase

from portal_site.clients.reservations import Seat, SeatPlan, Section

# Neighbours stand one seat apart, a little more where a row is curved; an aisle is as wide as a seat.
SIDE_BY_SIDE = 1.4


def sections_of(plan: SeatPlan) -> list[Section]:
    """The sections that have seats, best first; one that the plan does not name has no name."""
    known = {section.id: section for section in plan.sections}
    prices: dict[int, int] = {}
    for seat in plan.seats:
        prices.setdefault(seat.section, seat.price)
    found = [known.get(key) or Section(id=key, name="", price=price, rank=999) for key, price in prices.items()]
    return sorted(found, key=lambda section: (section.rank, section.id))


def zones(sections: Sequence[Section]) -> dict[int, int]:
    """The price zone of each price, counted from the dearest."""
    return {price: zone for zone, price in enumerate(sorted({section.price for section in sections}, reverse=True))}


def letter(zone: int) -> str:
    """A, B, C, …: tells the zones apart without their colours."""
    return ascii_uppercase[zone % len(ascii_uppercase)]


def rows_of(plan: SeatPlan) -> dict[tuple[int, str], list[Seat]]:
    """The seats of each section and row, from left to right."""
    rows: dict[tuple[int, str], list[Seat]] = defaultdict(list)
    for seat in plan.seats:
        rows[seat.section, seat.row].append(seat)
    return {key: sorted(row, key=lambda seat: (seat.x, seat.y)) for key, row in rows.items()}


def _distance(one: Seat, other: Seat) -> float:
    return math.hypot(one.x - other.x, one.y - other.y)


def _free_runs(row: Sequence[Seat]) -> Iterator[list[Seat]]:
    """Stretches of free seats that stand side by side."""
    run: list[Seat] = []
    for seat in row:
        if run and (seat.status != "available" or _distance(run[-1], seat) > SIDE_BY_SIDE):
            yield run
            run = []
        if seat.status == "available":
            run.append(seat)
    if run:
        yield run


def left_alone(plan: SeatPlan, chosen: Collection[int]) -> list[Seat]:
    """The single free seats, with nobody free beside them, that this choice would leave."""
    alone = []
    for row in rows_of(plan).values():
        if not any(seat.id in chosen for seat in row):
            continue
        for run in _free_runs(row):
            edges = [-1, *(at for at, seat in enumerate(run) if seat.id in chosen), len(run)]
            if len(edges) > 2:
                alone += [run[left + 1] for left, right in pairwise(edges) if right - left == 2]
    return alone


def nearest(
    plan: SeatPlan, lost: Collection[int], *, kept: Collection[int] = (), most: int = 3
) -> list[tuple[Seat, ...]]:
    """Up to `most` ways to replace the lost seats by free ones near them, those of the same price first."""
    gone = [seat for seat in plan.seats if seat.id in lost]
    free = [seat for seat in plan.seats if seat.status == "available" and seat.id not in kept]
    ways: list[tuple[Seat, ...]] = []
    while gone and len(ways) < most and len(free) >= len(gone):
        way: list[Seat] = []
        for seat in gone:
            best = min(free, key=lambda one: (one.price != seat.price, _distance(one, seat), one.id))
            free.remove(best)
            way.append(best)
        ways.append(tuple(way))
    return ways
