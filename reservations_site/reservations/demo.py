"""The demonstration: four venues, four events, an arena with hundreds of seats taken by buyers.

Everything goes through the services, so that each seat that is taken has its ticket in billing too.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from reservations_site.events.models import Event, Seat
from reservations_site.events.services import copy_plan
from reservations_site.reservations.services import reserve_seats
from reservations_site.venues.models import Venue
from reservations_site.venues.plans import SectionPlan
from reservations_site.venues.services import build_plan

BY = "demo"
# Billing's own demo_data pays the orders of these RUTs.
BUYERS = range(5_000_001, 5_000_201)
# Long enough for billing to be started and to pay; the buyers of the demonstration are in no hurry.
HOLD = timedelta(days=30)
STAFF, STAFF_PASSWORD = "11111111-1", "demo-admin-1"
FIRST_NAMES = ["Camila", "Matías", "Javiera", "Benjamín", "Antonia", "Vicente", "Isidora", "Joaquín", "Fernanda"]
LAST_NAMES = ["González", "Muñoz", "Rojas", "Díaz", "Soto", "Contreras", "Silva", "Sepúlveda", "Morales", "Fuentes"]


@dataclass(frozen=True)
class Show:
    name: str
    description: str
    venue: str
    address: str
    city: str
    days: int
    hour: int
    sections: tuple[SectionPlan, ...]
    prices: dict[str, int]
    curved: bool = True


SHOWS = (
    Show(
        name="Concierto Rock Nacional",
        description="Los grandes nombres del rock chileno en una sola noche.",
        venue="Estadio Nacional",
        address="Av. Grecia 2001, Ñuñoa",
        city="Santiago",
        days=40,
        hour=20,
        sections=(SectionPlan(name="Cancha", rows=5, seats=10, aisles_after=(5,)),),
        prices={"Cancha": 25_000},
    ),
    Show(
        name="La Negra Ester",
        description="La obra más querida del teatro popular chileno, en décimas y con música en vivo.",
        venue="Teatro Municipal",
        address="Agustinas 794",
        city="Santiago",
        days=25,
        hour=19,
        sections=(
            SectionPlan(name="Platea", rows=2, seats=9),
            SectionPlan(name="Balcón", rows=1, seats=12, prefix="BAL", aisles_after=(6,)),
        ),
        prices={"Platea": 18_000, "Balcón": 12_000},
    ),
    Show(
        name="Festival de Jazz de Providencia",
        description="Tres tríos y una orquesta al aire libre junto al Mapocho.",
        venue="Parque de las Esculturas",
        address="Av. Santa María 2205, Providencia",
        city="Santiago",
        days=60,
        hour=21,
        sections=(SectionPlan(name="Preferente", rows=4, seats=10, aisles_after=(5,)),),
        prices={"Preferente": 15_000},
        curved=False,
    ),
)
ARENA = Show(
    name="Gira Sinfónica: Los Jaivas a orquesta",
    description="Alturas de Machu Picchu completa, con orquesta de ochenta músicos y coro.",
    venue="Arena Mapocho",
    address="Av. Presidente Balmaceda 1450",
    city="Santiago",
    days=75,
    hour=21,
    sections=(
        SectionPlan(name="Cancha VIP", rows=10, seats=40, prefix="VIP", aisles_after=(10, 20, 30), level=1),
        SectionPlan(name="Platea izquierda", rows=20, seats=16, prefix="PI", aisles_after=(8,), level=2),
        SectionPlan(name="Platea central", rows=20, seats=24, prefix="PC", aisles_after=(8, 16), level=2),
        SectionPlan(name="Platea derecha", rows=20, seats=16, prefix="PD", aisles_after=(8,), level=2),
        SectionPlan(name="Galería", rows=11, seats=80, prefix="GAL", aisles_after=(16, 32, 48, 64), level=3),
    ),
    prices={
        "Cancha VIP": 85_000,
        "Platea izquierda": 48_000,
        "Platea central": 60_000,
        "Platea derecha": 48_000,
        "Galería": 24_000,
    },
)


@transaction.atomic
def make_show(show: Show, *, now: datetime) -> tuple[Event, bool]:
    """The event of this name at its venue, made with plan and seats when it is missing; whether it was made."""
    venue, is_new = Venue.objects.using("default").get_or_create(
        name=show.venue, defaults={"address": show.address, "city": show.city}
    )
    if is_new:
        build_plan(venue=venue, sections=show.sections, curved=show.curved, by=BY)
    found = Event.objects.using("default").filter(venue=venue, name=show.name).first()
    if found is not None:
        return found, False
    evening = timezone.localtime(now + timedelta(days=show.days)).replace(
        hour=show.hour, minute=0, second=0, microsecond=0
    )
    event = Event.objects.create(venue=venue, name=show.name, description=show.description, starts_at=evening)
    copy_plan(event=event, prices=show.prices, by=BY)
    event.status = Event.Status.PUBLISHED
    event.save(update_fields=["status"])
    return event, True


def groups(event: Event) -> Iterator[list[Seat]]:
    """One to four neighbours for each buyer, the same ones every time, the front fuller than the back."""
    dice = random.Random(1973)  # noqa: S311 (a picture, no secret)
    rows = groupby(
        Seat.objects.filter(event=event).order_by("section__rank", "section_id", "row_rank", "position"),
        key=lambda seat: (seat.section_id, seat.row_rank),
    )
    for _row, row in rows:
        seats = list(row)
        at = dice.randint(0, 6)
        while at < len(seats):
            group = seats[at : at + dice.choice([1, 2, 2, 2, 3, 4, 4])]
            side_by_side = all(b.position == a.position + 1 for a, b in pairwise(group))
            if side_by_side:
                yield group
            at += len(group) + dice.choice([0, 0, 1, 2, 4, 8, 14])


def fill_arena(event: Event) -> tuple[int, int]:
    """Reserves for every demonstration buyer; how many reservations and seats there are now."""
    dice = random.Random(1990)  # noqa: S311 (a picture, no secret)
    some = list(groups(event))
    # Most sit in front, a few anywhere.
    front = some[: len(BUYERS) * 3 // 5]
    chosen = front + dice.sample(some[len(front) :], len(BUYERS) - len(front))
    seats = 0
    for rut, group in zip(BUYERS, chosen, strict=True):
        booking = reserve_seats(
            seat_ids=[seat.id for seat in group],
            rut=rut,
            name=f"{dice.choice(FIRST_NAMES)} {dice.choice(LAST_NAMES)}",
            caller="demo",
            idempotency_key=f"key:demo-{rut}",
            by=BY,
            hold=HOLD,
        )
        seats += len(booking.lines)
    return len(chosen), seats


def make_staff() -> bool:
    """The demonstration's superuser; whether it was made."""
    users = get_user_model().objects
    if users.filter(username=STAFF).exists():
        return False
    users.create_superuser(STAFF, password=STAFF_PASSWORD)
    return True
