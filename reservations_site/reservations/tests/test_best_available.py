"""The choice of the best seats, over every shape of hall that hypothesis thinks of."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reservations_site.reservations.best_available import Place, best_available, neighbours


@st.composite
def halls(draw: st.DrawFn) -> list[Place]:
    """Free seats of up to three sections, four rows and ten places a row, in any order."""
    spots = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 10))
    chosen = draw(st.lists(spots, unique=True, max_size=60))
    return [Place(s, 100 + s, r, p, s * 1000 + r * 100 + p, abs(p - 5.5)) for s, r, p in chosen]


def row_of(place: Place) -> tuple[int, int, int]:
    return place[:3]


@given(halls(), st.integers(1, 10))
def test_it_gives_exactly_so_many_different_free_seats_or_none(free: list[Place], quantity: int) -> None:
    chosen = best_available(free, quantity)
    assert len(chosen) == (quantity if len(free) >= quantity else 0)
    assert set(chosen) <= set(free)
    assert len(set(chosen)) == len(chosen)


@given(halls(), st.integers(1, 10))
def test_they_sit_together_whenever_any_row_has_room(free: list[Place], quantity: int) -> None:
    if any(len(run) >= quantity for run in neighbours(sorted(free))):
        chosen = best_available(free, quantity)
        assert all(row_of(a) == row_of(b) and b.position == a.position + 1 for a, b in pairwise(chosen))


@given(halls(), st.integers(1, 6))
def test_together_in_the_best_section_that_has_room(free: list[Place], quantity: int) -> None:
    with_room = [run[0].section_rank for run in neighbours(sorted(free)) if len(run) >= quantity]
    if with_room:
        assert best_available(free, quantity)[0].section_rank == min(with_room)


@given(halls(), st.integers(1, 10))
def test_the_order_of_the_seats_makes_no_difference(free: list[Place], quantity: int) -> None:
    assert best_available(free, quantity) == best_available(list(reversed(free)), quantity)


@given(halls())
def test_runs_are_all_the_seats_and_never_cross_an_aisle(free: list[Place]) -> None:
    runs = neighbours(sorted(free))
    assert [place for run in runs for place in run] == sorted(free)
    assert all(b.position == a.position + 1 for run in runs for a, b in pairwise(run))


def row(*positions: int, rank: int = 0) -> list[Place]:
    return [Place(0, 1, rank, p, rank * 100 + p, abs(p - 5.5)) for p in positions]


def test_no_single_seat_is_left_when_it_can_be_helped() -> None:
    chosen = best_available(row(1, 2, 3, 4, 5), 2)
    assert [place.position for place in chosen] in ([1, 2], [4, 5])


def test_the_middle_of_the_front_row_comes_first() -> None:
    free = row(*range(1, 11)) + row(*range(1, 11), rank=1)
    assert [place.position for place in best_available(free, 2)] == [5, 6]
    assert best_available(free, 2)[0].row_rank == 0


def test_a_party_too_large_for_any_row_is_split_into_few_pieces() -> None:
    free = row(1, 2, 3) + row(5, 6) + row(1, rank=1)
    assert [place.position for place in best_available(free, 5)] == [1, 2, 3, 5, 6]


def test_nothing_is_chosen_for_nobody() -> None:
    assert best_available(row(1, 2), 0) == []
    assert best_available([], 1) == []
