"""Making and replacing the plan of a venue."""

from collections.abc import Sequence

from django.db import transaction

from reservations_site.reservations import audit
from reservations_site.venues.models import PlanSeat, Section, Venue
from reservations_site.venues.plans import Layout, SectionPlan


@transaction.atomic
def build_plan(*, venue: Venue, sections: Sequence[SectionPlan], curved: bool = True, by: str) -> list[Section]:
    """The venue's new plan in place of the old one; raises PlanError when the numbers make none.

    Events that copied the old plan keep their seats.
    """
    seats = Layout(sections, curved=curved).seats()
    venue.curved = curved
    venue.save(update_fields=["curved"])
    Section.objects.filter(venue=venue).delete()
    made = Section.objects.bulk_create(
        Section(venue=venue, name=plan.name, prefix=plan.prefix, rank=rank, shape=plan.shape())
        for rank, plan in enumerate(sections)
    )
    PlanSeat.objects.bulk_create(
        (
            PlanSeat(
                section=made[seat.section],
                label=seat.label,
                row=seat.row,
                row_rank=seat.row_rank,
                number=seat.number,
                position=seat.position,
                x=seat.x,
                y=seat.y,
            )
            for seat in seats
        ),
        batch_size=500,
    )
    audit.record(by=by, action="plan_built", venue=venue.name, sections=[p.name for p in sections], seats=len(seats))
    return made
