"""The desk's pages about refunding an event: preview, start, progress, pause, report."""

from typing import Any

import pytest

from billing_site.event_refunds import reservations, services
from billing_site.event_refunds.models import EventRefund
from billing_site.event_refunds.tests.test_event_refunds import begin, paid, work
from billing_site.tickets.models import Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]
URL = "/admin/event-refunds/"


@pytest.fixture(autouse=True)
def _sales(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reservations, "event_status", lambda event_id: reservations.CANCELLED)


def test_finance_sees_what_will_happen_says_yes_and_follows_it(desk: Any) -> None:
    paid(2)
    client = desk("finance")
    assert "Concierto Rock Nacional" in client.get(URL).content.decode()
    page = client.get(f"{URL}new/?event=1").content.decode()
    assert "$10.000" in page
    assert "venta cerrada" in page
    assert client.post(f"{URL}new/?event=1", {"reason": "Lluvia"}).status_code == 200
    assert not EventRefund.objects.exists()
    response = client.post(f"{URL}new/?event=1", {"reason": "Lluvia", "sure": "on"})
    refund = EventRefund.objects.get()
    assert response.headers["Location"] == f"{URL}{refund.pk}/"
    client.post(response.headers["Location"], {"action": "pause"})
    work(refund)
    assert refund.status == EventRefund.Status.PAUSED
    client.post(response.headers["Location"], {"action": "resume"})
    work(refund)
    part = client.get(f"{URL}{refund.pk}/?part=1").content.decode()
    assert "100 %" in part
    assert "<html" not in part
    assert "Todo terminó sin tropiezos" in part


@pytest.mark.parametrize("role", ["box office", "gate", "support"])
def test_others_neither_see_nor_start_it(desk: Any, role: str) -> None:
    paid()
    refund = begin()
    client = desk(role)
    for url in (URL, f"{URL}new/?event=1", f"{URL}{refund.pk}/"):
        assert client.get(url).status_code == 403
        assert client.post(url, {"action": "pause", "reason": "x", "sure": "on"}).status_code == 403


def test_an_auditor_looks_and_does_nothing(desk: Any) -> None:
    paid()
    refund = begin()
    client = desk("auditor")
    assert client.get(f"{URL}{refund.pk}/").status_code == 200
    assert client.post(f"{URL}{refund.pk}/", {"action": "pause"}).status_code == 403
    assert client.get(f"{URL}new/?event=1").status_code == 403
    refund.refresh_from_db()
    assert refund.status == EventRefund.Status.CLOSING


def test_an_unknown_event_or_refund_is_refused(desk: Any) -> None:
    client = desk("finance")
    assert client.get(f"{URL}new/?event=99").status_code == 302
    assert client.get(f"{URL}99/").status_code == 404


def test_a_name_is_shown_and_never_as_markup(desk: Any) -> None:
    paid(event="<b>Rock</b>", name="<i>Ana</i>")
    refund = begin(services.Subject(1, "<b>Rock</b>"))
    pages = [desk("finance").get(url).content.decode() for url in (URL, f"{URL}new/?event=1", f"{URL}{refund.pk}/")]
    assert all("<b>Rock" not in page and "<i>Ana" not in page for page in pages)
    assert Ticket.objects.get().status == "PAID"
