"""The demonstration: made once, found again, and every taken seat with its message to billing."""

from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from middleware_worker.contract.messages import to_billing
from middleware_worker.outbox.models import OutboxMessage
from reservations_site.events.models import Event, Seat
from reservations_site.reservations import demo
from reservations_site.reservations.models import Line, Reservation


def make(*options: str) -> str:
    out = StringIO()
    call_command("demo_data", *options, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_it_is_made_once_and_found_again() -> None:
    assert "made" in make()
    seats, reservations = Seat.objects.count(), Reservation.objects.count()
    assert "made" not in make()
    assert (Seat.objects.count(), Reservation.objects.count()) == (seats, reservations)

    sizes = {event.name: event.seats.count() for event in Event.objects.all()}
    assert sizes["Concierto Rock Nacional"] == 50
    assert sorted(sizes.values()) == [30, 40, 50, 2400]
    assert Event.objects.order_by("id").first().seats.order_by("id").first().label == "A-1"

    ruts = set(Reservation.objects.values_list("rut", flat=True))
    assert ruts == set(demo.BUYERS)
    assert all(1 <= len(r.lines.all()) <= 4 for r in Reservation.objects.prefetch_related("lines"))
    messages = [to_billing.validate_python(row.message()) for row in OutboxMessage.objects.all()]
    assert sum(len(message.tickets) for message in messages) == Line.objects.count() > 300

    staff = authenticate(username=demo.STAFF, password=demo.STAFF_PASSWORD)
    assert staff is not None
    assert staff.is_superuser


@pytest.mark.django_db
def test_none_makes_nothing() -> None:
    make("--size", "none")
    assert not Event.objects.exists()
    assert authenticate(username=demo.STAFF, password=demo.STAFF_PASSWORD) is None
