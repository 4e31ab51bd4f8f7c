"""Price zones, seats left alone, and the nearest ones in the place of a lost one."""

import pytest

from portal_site.catalogue import floor
from portal_site.clients.reservations import Seat, SeatPlan, Section


def plan(row: str, *, price: int = 10_000) -> SeatPlan:
    """A row as one writes it: a free, s sold, a blank for an aisle. A seat's id is its place in the text."""
    return SeatPlan(
        seats=tuple(
            Seat(
                id=at,
                seat_number=f"A-{at}",
                status={"a": "available", "s": "sold"}[letter],
                row="A",
                number=at,
                x=at,
                y=0,
                price=price,
            )
            for at, letter in enumerate(row)
            if letter != " "
        )
    )


@pytest.mark.parametrize(
    ("row", "chosen", "alone"),
    [
        ("aaaa", {0, 1}, []),
        ("aaaa", {1, 2}, [0, 3]),
        ("aaaas", {1, 2}, [0, 3]),
        ("aaaaa", {0, 1, 3, 4}, [2]),
        ("saaas", {1, 2}, [3]),
        ("saaas", {1, 2, 3}, []),
        ("aa aa", {0}, [1]),
        ("aa aa", {0, 1}, []),
        ("a sa aaa", {5, 6, 7}, []),
        ("sas aa", {4, 5}, []),
    ],
)
def test_a_seat_is_left_alone_when_nobody_free_is_beside_it(row: str, chosen: set[int], alone: list[int]) -> None:
    assert [seat.id for seat in floor.left_alone(plan(row), chosen)] == alone


def test_the_nearest_seats_of_the_same_price_come_first() -> None:
    seats = plan("sasaa").seats
    dear = seats[1].model_copy(update={"price": 90_000})
    found = floor.nearest(SeatPlan(seats=(seats[0], dear, *seats[2:])), {2})
    assert [[seat.id for seat in way] for way in found] == [[3], [4], [1]]


def test_two_lost_seats_are_replaced_by_two_others_and_kept_ones_stay() -> None:
    found = floor.nearest(plan("assaaa"), {1, 2}, kept={0})
    assert [[seat.id for seat in way] for way in found] == [[3, 4]]


def test_sections_of_one_price_are_one_zone_and_the_dearest_is_the_first() -> None:
    prices = [Section(id=at, name="", price=price) for at, price in enumerate([5000, 9000, 5000])]
    assert floor.zones(prices) == {9000: 0, 5000: 1}
    assert floor.letter(1) == "B"
