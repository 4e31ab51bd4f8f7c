"""The gate's screen: choose once, then scan after scan, each with an answer that cannot be misread."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from billing_site.payments import services
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.tickets import signing
from billing_site.tickets.models import Admission, Ticket
from billing_site.tickets.tests.factories import arrived_order, tickets_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]
URL = "/admin/check-in/"
SOON = (datetime.now(UTC) + timedelta(hours=3)).isoformat()


def paid(seats: int = 1, **changes: Any) -> list[Ticket]:
    order = arrived_order(seats, **{"starts_at": SOON, "name": "Ana Núñez", **changes})
    services.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    return tickets_of(order)


def scan(client: Client, text: str, event: str = "id:1", gate: str = "Norte") -> str:
    response = client.post(URL, {"event": event, "gate": gate, "text": text})
    assert response.status_code == 200
    return response.content.decode()


def test_a_paid_ticket_gets_a_green_answer_with_holder_and_seat(guard: Client) -> None:
    (ticket,) = paid()
    page = scan(guard, signing.sign(ticket))
    assert 'answer-good" role="status"' in page
    for words in ["Adelante", "Platea · fila A · asiento 1", "Ana Núñez", "12.345.678-5"]:
        assert words in page
    assert Admission.objects.get().by == "Pía Puerta (9.999.999-3)"


def test_the_same_ticket_again_says_that_the_scanner_may_have_read_twice(guard: Client) -> None:
    (ticket,) = paid()
    scan(guard, signing.sign(ticket))
    page = scan(guard, signing.sign(ticket))
    assert "Ya ingresó" in page
    assert "por esta misma puerta" in page


def test_the_same_ticket_at_another_gate_says_when_and_where_it_was_used(guard: Client) -> None:
    (ticket,) = paid()
    scan(guard, signing.sign(ticket))
    page = scan(guard, signing.sign(ticket), gate="Sur")
    assert "por la puerta «Norte»" in page
    assert Admission.objects.count() == 1


@pytest.mark.parametrize(
    ("make", "headline"),
    [
        (lambda: tickets_of(arrived_order(starts_at=SOON))[0].external_id, "No está pagado"),
        (lambda: signing.sign(paid(event_id=2, event="La Traviata")[0]), "Es de otro evento"),
        (lambda: signing.sign(paid()[0])[:-4] + "AAAA", "Código falso"),
        (lambda: "TF-nothing", "No existe"),
    ],
)
def test_what_is_not_let_in_says_why_in_words(guard: Client, make: Any, headline: str) -> None:
    arrived_order(starts_at=SOON)
    page = scan(guard, make())
    assert f'<p class="answer-headline">{headline}</p>' in page
    assert "answer-good" not in page
    assert not Admission.objects.exists()


def test_an_order_with_several_tickets_offers_a_button_for_each_that_may_enter(guard: Client) -> None:
    tickets = paid(2)
    page = scan(guard, tickets[0].order.code)
    assert page.count("Dejar entrar") == 2
    assert f'value="{tickets[1].external_id}"' in page
    scan(guard, tickets[1].external_id)
    assert scan(guard, tickets[0].order.code).count("Dejar entrar") == 1


def test_event_and_gate_are_remembered_and_the_field_is_ready_for_the_scanner(guard: Client) -> None:
    paid()
    first = guard.get(URL).content.decode()
    assert "autofocus" not in first
    scan(guard, "", gate="Puerta 4")
    page = guard.get(URL).content.decode()
    assert "Puerta 4" in page
    assert "autofocus" in page
    assert '<option value="id:1" selected>' in page


def test_counts_and_the_last_scans_are_shown_and_ten_at_most(guard: Client) -> None:
    tickets = paid(3)
    scan(guard, signing.sign(tickets[0]))
    for number in range(11):
        page = scan(guard, f"nothing-{number}")
    assert "<strong>1</strong> adentro · <strong>2</strong> por llegar" in page
    assert page.count('class="recent-icon"') == 10
    assert "nothing-1<" in page
    assert "nothing-0<" not in page


def test_what_was_scanned_is_never_taken_for_markup(guard: Client) -> None:
    paid()
    page = scan(guard, "<script>alert(1)</script>")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_the_page_is_spanish_whatever_the_telephone_speaks_until_english_is_chosen(guard: Client) -> None:
    first, second = paid(2)
    data = {"event": "id:1", "gate": "Norte", "text": signing.sign(first)}
    spanish = guard.post(URL, data, headers={"Accept-Language": "en"}).content.decode()
    assert "Adelante" in spanish
    guard.post("/admin/language/", {"language": "en", "next": URL})
    english = scan(guard, signing.sign(second))
    assert "Welcome in" in english
    assert "row A · seat 2" in english


def test_nobody_scans_without_the_permission_or_without_logging_in(client: Client, make_person: Any) -> None:
    assert client.get(URL).status_code == 302
    clerk = make_person(22_222_222, is_staff=True)
    clerk.groups.add(Group.objects.get(name="finance"))
    client.force_login(clerk)
    assert client.get(URL).status_code == 403
    (ticket,) = paid()
    assert client.post(URL, {"event": "id:1", "gate": "N", "text": signing.sign(ticket)}).status_code == 403
    assert not Admission.objects.exists()


def test_no_script_or_style_is_written_into_the_page(guard: Client) -> None:
    paid()
    response = guard.get(URL)
    assert "script-src" not in response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "<script>" not in response.content.decode()
