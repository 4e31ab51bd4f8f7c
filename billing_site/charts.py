"""Bars drawn on the server: a picture in SVG, and the same numbers as text for whoever does not see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

Number = int | Decimal


class Series(NamedTuple):
    """One kind of bar: its name, its colour's class (`bar-…`) and a value for each column."""

    name: str
    tone: str
    values: Sequence[Number]


class Bar(NamedTuple):
    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Column:
    """What stands over one label: a bar for each series, and its numbers in words."""

    middle: float
    # Under the axis: empty where labels would run into one another.
    tick: str
    label: str
    cells: list[str]
    bars: list[Bar]
    title: str


@dataclass(frozen=True)
class Chart:
    title: str
    # What the picture says, in one sentence.
    summary: str
    keys: list[Series]
    columns: list[Column]
    lines: list[tuple[float, str]]
    width: int
    height: int
    left: int
    base: int
    # Whether the numbers stand below the picture, and not in the page's own tables.
    table: bool
    scrolls: bool


def bars(
    *,
    title: str,
    summary: str,
    labels: Sequence[str],
    series: Sequence[Series],
    write: Callable[[Number], str],
    on_axis: Callable[[Number], str] | None = None,
    width: int = 360,
    height: int = 190,
    left: int = 44,
    ticks: int = 7,
    least: int = 4,
    table: bool = True,
) -> Chart:
    """The series side by side over each label. `least` is the lowest top of the scale."""
    base, head = height - 26, 12
    top = scale_top(max((value for one in series for value in one.values), default=0), least=least)
    room = (width - left - 6) / max(1, len(labels))
    bar = min(18.0, room * 0.72 / len(series))
    every = -(-len(labels) // ticks)
    columns = []
    for number, label in enumerate(labels):
        middle = left + (number + 0.5) * room
        cells = [write(one.values[number]) for one in series]
        drawn = []
        for place, one in enumerate(series):
            tall = float(one.values[number]) * (base - head) / top
            drawn.append(Bar(one.tone, middle + (place - len(series) / 2) * bar, base - tall, bar - 0.5, tall))
        words = ", ".join(f"{one.name} {cell}" for one, cell in zip(series, cells, strict=True))
        tick = label if number % every == 0 else ""
        columns.append(Column(middle, tick, label, cells, drawn, f"{label}: {words}"))
    lines = [(base - (base - head) * part / 4, (on_axis or write)(top * part // 4)) for part in range(5)]
    return Chart(title, summary, list(series), columns, lines, width, height, left, base, table, width > 400)


def scale_top(amount: Number, *, least: int) -> int:
    """The next 1, 2, 4 or 8 times a power of ten that has whole quarters: the top of a scale for the amount."""
    step = 1
    while True:
        for factor in (1, 2, 4, 8):
            top = step * factor
            if top >= max(amount, least) and top % 4 == 0:
                return top
        step *= 10
