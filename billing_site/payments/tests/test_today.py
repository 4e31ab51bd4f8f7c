"""The start page: today's numbers, and pictures that say the same in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing_site.charts import Series, bars, scale_top
from billing_site.payments import today
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.refunds import refund_ticket
from billing_site.payments.services import pay
from billing_site.tickets import services as tickets
from billing_site.tickets.models import Ticket
from billing_site.tickets.tests.factories import arrived_order, tickets_of
from middleware_worker.outbox.models import OutboxMessage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]


def test_the_start_page_counts_the_day_and_draws_it(desk: Any) -> None:
    order = arrived_order(3)
    pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    first, second, _third = tickets_of(order)
    refund_ticket(ticket=first, reason="x", by="test")
    tickets.check_in(ticket=second.external_id, gate="Norte", by="Pía")
    long_ago = timezone.now() - timedelta(days=40)
    Ticket.objects.filter(order=arrived_order()).update(status="PAID", paid_at=long_ago)
    OutboxMessage.objects.update(created_at=timezone.now() - timedelta(hours=3))
    page = desk("auditor").get("/admin/")
    values = {figure.label: figure.value for figure in page.context["today"]}
    assert values["Venta neta de hoy"] == "$10.000"
    assert (values["Boletos vendidos hoy"], values["Boletos reembolsados hoy"]) == ("3", "1")
    assert values["Asistentes de hoy"] == "1"
    assert values["Por llevar a reservas"].startswith("3")
    text = page.content.decode()
    assert "3 vendidos y 1 reembolsados" in text
    assert "$15.000 vendidos y $5.000 devueltos" in text
    assert text.count('role="img" aria-label="') == 3


@pytest.mark.parametrize(("role", "charts"), [("gate", 1), ("support", 2), ("finance", 2), ("auditor", 3)])
def test_each_role_sees_the_pictures_of_its_own_numbers(desk: Any, role: str, charts: int) -> None:
    assert len(desk(role).get("/admin/").context["charts"]) == charts


def test_the_start_page_needs_few_queries_however_much_was_sold(desk: Any, django_assert_max_num_queries: Any) -> None:
    client = desk("auditor")
    for _ in range(3):
        pay(order=arrived_order(2), card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    client.get("/admin/")
    with django_assert_max_num_queries(24):
        client.get("/admin/")


def test_a_day_has_as_many_hours_as_the_clock_says(settings: Any) -> None:
    # Chile puts the clock back on the first Saturday of April, and forward in September.
    for day, hours in ((datetime(2026, 4, 4, 4, tzinfo=UTC), 24), (datetime(2026, 4, 5, 4, tzinfo=UTC), 24)):
        assert len(today._hours_of_today(day, day + timedelta(hours=hours))) == hours
    start = datetime(2026, 9, 6, 4, tzinfo=UTC)
    assert len(today._hours_of_today(start, start + timedelta(hours=23))) == 23


def test_bars_fill_the_scale_and_never_leave_it() -> None:
    chart = bars(title="t", summary="s", labels=list("abc"), series=[Series("n", "bar-good", [0, 3, 8])], write=str)
    heights = [column.bars[0].height for column in chart.columns]
    assert heights[0] == 0
    assert heights[2] == pytest.approx(chart.base - 12)
    assert [label for _y, label in chart.lines] == ["0", "2", "4", "6", "8"]
    assert chart.columns[1].title == "b: n 3"


@pytest.mark.parametrize(
    ("amount", "top"), [(0, 4), (4, 4), (5, 8), (9, 20), (99, 100), (101, 200), (1_500_000, 2_000_000)]
)
def test_a_scale_has_whole_quarters(amount: int, top: int) -> None:
    assert scale_top(amount, least=4) == top
