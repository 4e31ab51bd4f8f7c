"""Events to test with, made by the services that staff use."""

from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from reservations_site.events.models import Event, Seat
from reservations_site.events.services import copy_plan
from reservations_site.reservations.selectors import Booking
from reservations_site.reservations.services import reserve_seats
from reservations_site.venues.models import Venue
from reservations_site.venues.plans import SectionPlan
from reservations_site.venues.services import build_plan

ROWS = (SectionPlan(name="Platea", rows=3, seats=8, aisles_after=(4,)),)
_number = count(1)


def make_venue(*sections: SectionPlan) -> Venue:
    venue = Venue.objects.create(name=f"Teatro {next(_number)}", city="Santiago")
    build_plan(venue=venue, sections=sections or ROWS, curved=False, by="test")
    return venue


def make_event(*sections: SectionPlan, price: int = 10_000, **fields: Any) -> Event:
    """A published event whose sections cost `price`, the second one thousand pesos less, and so on."""
    sections = sections or ROWS
    values = {"name": "Concierto", "starts_at": timezone.now() + timedelta(days=30), "status": Event.Status.PUBLISHED}
    event = Event.objects.create(venue=make_venue(*sections), **values | fields)
    prices = {section.name: price - 1000 * rank for rank, section in enumerate(sections)}
    copy_plan(event=event, prices=prices, by="test")
    return event


def seat_ids(event: Event, *labels: str) -> list[int]:
    """The ids of seats by their labels, in the order given; all seats in id order when none is given."""
    ids = dict(Seat.objects.filter(event=event).order_by("id").values_list("label", "id"))
    return [ids[label] for label in labels] if labels else list(ids.values())


def statuses(event: Event, *labels: str) -> list[str]:
    found = dict(Seat.objects.filter(event=event).values_list("label", "status"))
    return [found[label] for label in labels]


def hold(event: Event, *labels: str, rut: int = 12_345_678, **options: Any) -> Booking:
    return reserve_seats(seat_ids=seat_ids(event, *labels), rut=rut, caller="public", by=f"rut:{rut}", **options)
