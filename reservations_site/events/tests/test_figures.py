"""What the event's page tells: sales by hour and day, money by zone, how far a cancellation is."""

from datetime import timedelta

from django.utils import timezone

from middleware_worker.contract.messages import TicketState
from reservations_site.events import figures, zones
from reservations_site.events.models import Event
from reservations_site.events.services import cancel_event
from reservations_site.events.tests.factories import hold, make_event, seat_ids
from reservations_site.reservations.models import AuditEntry
from reservations_site.reservations.selectors import Booking
from reservations_site.reservations.states import apply_ticket_states


def tell(booking: Booking, status: str, n: int = 1) -> None:
    apply_ticket_states([TicketState(id=line.ticket_id, status=status, generation=1, n=n) for line in booking.lines])


def test_sales_are_counted_in_their_hour(event: Event) -> None:
    assert figures.sales(event) == []
    tell(hold(event, "A-1", "A-2", rut=1), "PAID")
    tell(hold(event, "A-3", rut=2), "PAID")
    hold(event, "A-4", rut=3)
    now = timezone.now().replace(minute=30)
    first, second, third = AuditEntry.objects.filter(action="confirmed").order_by("id")
    for entry, hours in ((first, 0), (second, 0), (third, 5)):
        AuditEntry.objects.filter(id=entry.id).update(at=now - timedelta(hours=hours))
    (chart,) = figures.sales(event)
    counts = [bar.seats for bar in chart.bars]
    assert len(counts) == 48
    assert (counts[-1], counts[-6], sum(counts), chart.total) == (2, 1, 3, 3)
    assert "3 asientos pagados" in chart.words
    assert chart.bars[-1].name.endswith(f"{timezone.localtime(now):%H}:00")


def test_a_sale_of_weeks_is_shown_by_day_as_well_and_one_of_months_by_week(event: Event) -> None:
    tell(hold(event, "A-1", "A-2", rut=1), "PAID")
    last, first = AuditEntry.objects.filter(action="confirmed").order_by("id")
    for days, bars, title in ((10, 11, "Ventas por día"), (100, 15, "Ventas por semana")):
        AuditEntry.objects.filter(id=first.id).update(at=last.at - timedelta(days=days))
        _hours, chart = figures.sales(event)
        assert (chart.title, len(chart.bars), chart.total) == (title, bars, 2)
        assert (chart.bars[0].seats, chart.bars[-1].seats) == (1, 1)


def test_money_is_what_the_live_seats_were_taken_at(event: Event) -> None:
    paid, back = hold(event, "A-1", rut=1), hold(event, "A-2", rut=2)
    tell(paid, "PAID")
    tell(back, "PAID")
    tell(back, "REFUNDED", n=2)
    hold(event, "A-3", rut=3)
    zones.change_prices(event=event, prices={"Platea": 1}, by="x")
    zones.assign_zone(event=event, seat_ids=seat_ids(event, "B-1"), name="VIP", price=9_000, by="x")
    assert figures.money(event) == [
        ("Platea", 1, 23, 1, 10_000, 1, 10_000),
        ("VIP", 9_000, 1, 0, 0, 0, 0),
        ("Total", 0, 24, 1, 10_000, 1, 10_000),
    ]


def test_a_cancellation_is_followed_until_billing_has_answered_for_every_seat(event: Event) -> None:
    before = hold(event, "C-1", rut=9)
    tell(before, "EXPIRED")
    one, two = hold(event, "A-1", "A-2", rut=1), hold(event, "A-3", rut=2)
    tell(one, "PAID")
    other = hold(make_event(), "A-1", rut=1)
    cancel_event(event=event, reason="Lluvia", by="staff:ana")
    assert figures.ending(event) == {
        "ended": 0, "asked": 3, "left": 3, "waiting": 0, "total": 3, "percent": 0, "done": False,
    }  # fmt: skip
    tell(one, "REFUNDED", n=2)
    found = figures.ending(event)
    assert (found["ended"], found["left"], found["percent"], found["done"]) == (2, 1, 66, False)
    tell(two, "EXPIRED")
    assert figures.ending(event)["done"] is True
    assert figures.ending(event)["percent"] == 100
    assert other.lines[0].status == "held"
