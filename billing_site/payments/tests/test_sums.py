"""Sums of money: by event and by the days of the venue's calendar."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from billing_site.payments.sums import sums
from billing_site.tickets.models import Ticket
from billing_site.tickets.tests.factories import arrived_order, tickets_of

pytestmark = pytest.mark.django_db


def sold(price: int, at: datetime, refunded_at: datetime | None = None, **changes: Any) -> Ticket:
    (ticket,) = tickets_of(arrived_order(prices=[price], **changes))
    ticket.status, ticket.paid_at, ticket.refunded_at = "REFUNDED" if refunded_at else "PAID", at, refunded_at
    ticket.save()
    return ticket


def test_a_sale_of_the_late_evening_belongs_to_that_day_in_santiago() -> None:
    # 02:30 in UTC on the 2nd is 23:30 on the 1st in Santiago, in summer as in winter.
    sold(1000, datetime(2026, 1, 2, 2, 30, tzinfo=UTC))
    found = sums(first=date(2026, 1, 1), last=date(2026, 1, 2))
    assert found.by_day[date(2026, 1, 1)].income == 1000
    assert found.by_day[date(2026, 1, 2)].income == 0


def test_income_and_refunds_count_on_their_own_days_and_by_event() -> None:
    sold(1000, datetime(2026, 7, 1, 15, tzinfo=UTC), refunded_at=datetime(2026, 7, 3, 15, tzinfo=UTC))
    sold(5000, datetime(2026, 7, 1, 16, tzinfo=UTC), event="La Traviata", event_id=2)
    sold(9999, datetime(2026, 6, 1, 16, tzinfo=UTC))
    found = sums(first=date(2026, 7, 1), last=date(2026, 7, 3))
    assert (found.total.sold, found.total.income, found.total.returned, found.total.net) == (2, 6000, 1, 5000)
    assert list(found.by_event) == ["La Traviata", "Concierto Rock Nacional"]
    assert found.by_event["Concierto Rock Nacional"].net == Decimal(0)
    assert found.by_day[date(2026, 7, 3)].net == -1000
    assert sums(first=date(2026, 7, 1), last=date(2026, 7, 3), event="La Traviata").total.income == 5000


def test_days_without_a_sale_are_there_with_zero() -> None:
    found = sums(first=date(2026, 7, 1), last=date(2026, 7, 31))
    assert len(found.by_day) == 31
    assert not found.by_event


def test_the_page_shows_table_and_bars_and_refuses_a_period_that_is_none(client: Client, make_person: Any) -> None:
    person = make_person(7_777_777, is_staff=True)
    person.groups.add(Group.objects.get(name="finance"))
    client.force_login(person)
    sold(25000, timezone.now())
    page = client.get("/admin/sums/").content.decode()
    assert "$25.000" in page
    assert page.count('class="bar-income"') == 14
    assert "<style" not in page
    for query in ({"first": "2026-02-01", "last": "2026-01-01"}, {"first": "1900-01-01"}, {"first": "x", "last": "y"}):
        response = client.get("/admin/sums/", query)
        assert response.status_code == 200
        assert 'class="errorlist' in response.content.decode()
