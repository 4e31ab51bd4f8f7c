"""Plans from a few numbers: names, aisles, gaps, and no two seats in one place."""

import math
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reservations_site.reservations.models import AuditEntry
from reservations_site.venues.models import PlanSeat, Section, Venue
from reservations_site.venues.plans import Layout, PlanError, SectionPlan, row_name
from reservations_site.venues.services import build_plan


@st.composite
def plans(draw: st.DrawFn) -> list[SectionPlan]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        seats = draw(st.integers(1, 12))
        aisles = draw(st.sets(st.integers(1, max(1, seats - 1)), max_size=3)) if seats > 1 else set()
        found.append(
            SectionPlan(
                name=f"S{number}",
                prefix=f"S{number}",
                rows=draw(st.integers(1, 5)),
                seats=seats,
                aisles_after=tuple(aisles),
                level=draw(st.integers(0, 2)),
            )
        )
    return found


@given(plans(), st.booleans())
@settings(max_examples=60)
def test_no_two_seats_share_a_name_or_stand_in_each_other(sections: list[SectionPlan], curved: bool) -> None:
    seats = Layout(sections, curved=curved).seats()
    assert len(seats) == sum(section.rows * section.seats for section in sections)
    assert len({seat.label for seat in seats}) == len(seats)
    assert all(math.hypot(a.x - b.x, a.y - b.y) > 0.6 for a, b in combinations(seats[:150], 2))
    assert min(seat.y for seat in seats) >= 0


@given(plans())
def test_only_an_aisle_parts_neighbours(sections: list[SectionPlan]) -> None:
    for a, b in pairwise(Layout(sections, curved=False).seats()):
        if a[0] == b[0] and a.row == b.row:
            aisle = a.number in sections[a.section].aisles_after
            assert b.position - a.position == (2 if aisle else 1) == b.x - a.x


@given(st.integers(0, 800))
def test_row_names_are_letters_and_never_repeat(rank: int) -> None:
    assert row_name(rank) != row_name(rank + 1)
    assert row_name(rank).isalpha()


def test_rows_after_z() -> None:
    assert [row_name(rank) for rank in (0, 25, 26, 27, 51, 52, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "AB",
        "AZ",
        "BA",
        "ZZ",
        "AAA",
    ]


def test_missing_seats_leave_their_place_empty() -> None:
    plan = SectionPlan(name="Platea", rows=1, seats=4, missing=frozenset({("A", 2)}))
    assert [(seat.label, seat.position) for seat in Layout([plan]).seats()] == [("A-1", 1), ("A-3", 3), ("A-4", 4)]


def test_sections_of_one_level_stand_side_by_side_round_the_middle() -> None:
    left, right = (SectionPlan(name=name, prefix=name, rows=1, seats=3, level=0) for name in "LR")
    seats = Layout([left, right], curved=False).seats()
    assert [seat.x for seat in seats] == [-3.5, -2.5, -1.5, 1.5, 2.5, 3.5]
    assert {seat.y for seat in seats} == {0}


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ([], "al menos un sector"),
        ([SectionPlan(name="P", rows=0, seats=5)], "debe estar entre 1 y 5000"),
        ([SectionPlan(name="P", rows=100, seats=100)], "debe estar entre 1 y 5000"),
        ([SectionPlan(name="P", rows=1, seats=5, aisles_after=(5,))], "no hay pasillo después del asiento 5"),
        ([SectionPlan(name="P", rows=1, seats=5, missing=frozenset({("B", 1)}))], "no existe el asiento B-1"),
        ([SectionPlan(name="P", rows=1, seats=2), SectionPlan(name="Q", rows=1, seats=2)], "El asiento A-1 se repite"),
    ],
)
def test_numbers_that_make_no_plan_are_refused_with_the_reason(sections: list[SectionPlan], reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        Layout(sections).seats()


def test_a_new_plan_takes_the_place_of_the_old(db: None) -> None:
    venue = Venue.objects.create(name="Teatro")
    build_plan(venue=venue, sections=[SectionPlan(name="Platea", rows=2, seats=3)], by="staff")
    build_plan(venue=venue, sections=[SectionPlan(name="Palco", rows=1, seats=2, prefix="P")], by="staff")
    assert [section.name for section in Section.objects.filter(venue=venue)] == ["Palco"]
    assert [seat.label for seat in PlanSeat.objects.filter(section__venue=venue)] == ["P-A-1", "P-A-2"]
    assert AuditEntry.objects.filter(action="plan_built", by="staff").count() == 2


def test_a_plan_that_cannot_be_leaves_the_old_one(db: None) -> None:
    venue = Venue.objects.create(name="Teatro")
    build_plan(venue=venue, sections=[SectionPlan(name="Platea", rows=2, seats=3)], by="staff")
    with pytest.raises(PlanError):
        build_plan(venue=venue, sections=[], by="staff")
    assert PlanSeat.objects.filter(section__venue=venue).count() == 6
