"""The staff's pages: searching, refunding, an order's history, and who may see what."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from billing_site.accounts.models import Person
from billing_site.accounts.rut_search import ruts_meant
from billing_site.documents import jobs, wording
from billing_site.documents.models import Mail
from billing_site.payments import services
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import Refund
from billing_site.tickets import services as tickets
from billing_site.tickets.models import AuditEntry, Order, Ticket
from billing_site.tickets.tests.factories import arrived_order, outside_order, tickets_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]
TICKETS = "/admin/tickets/ticket/"


@pytest.fixture
def staff(client: Client, make_person: Any) -> Any:
    def log_in(*groups: str, **fields: Any) -> Client:
        person = make_person(22_222_222, full_name="Bruno", is_staff=True, **fields)
        person.groups.set(Group.objects.filter(name__in=groups))
        client.force_login(person)
        return client

    return log_in


def paid(seats: int = 1, **changes: Any) -> list[Ticket]:
    order = arrived_order(seats, **{"name": "Ana Núñez", "email": "ana@example.cl", **changes})
    services.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    return tickets_of(order)


def refund(client: Client, rows: list[Ticket], **data: str) -> Any:
    chosen = {"action": "refund", "_selected_action": [row.pk for row in rows]}
    return client.post(TICKETS, {**chosen, **data})


# Refunds


def test_refunding_many_first_shows_what_will_happen_and_changes_nothing(staff: Any) -> None:
    rows = [*paid(2), *tickets_of(arrived_order())]
    response = refund(staff("box office"), rows)
    page = response.content.decode()
    assert "Se reembolsan <strong>2 boletos</strong> por <strong>$10.000</strong>" in page
    assert page.count("<strong>Se reembolsa</strong>") == 2
    assert page.count("Queda como está") == 1
    assert not Refund.objects.exists()


def test_refunding_many_gives_a_result_for_each_and_refunds_only_what_is_paid_and_unused(staff: Any) -> None:
    first, used, *_ = paid(2)
    (pending,) = tickets_of(arrived_order())
    tickets.check_in(ticket=used.external_id, gate="Norte", by="Pía")
    page = refund(
        staff("box office"), [first, used, pending], confirmed="1", reason="Se cambió la fecha"
    ).content.decode()
    assert "1 boleto reembolsado por <strong>$5.000</strong>" in page
    assert "2 no se pudieron" in page
    assert "El boleto ya se usó" in page
    assert "El boleto no está pagado" in page
    statuses = [Ticket.objects.get(pk=row.pk).status for row in (first, used, pending)]
    assert statuses == ["REFUNDED", "USED", "PENDING_PAYMENT"]
    entry = AuditEntry.objects.get(action="ticket.refunded")
    assert (entry.by, entry.reason) == ("Bruno (22.222.222-2)", "Se cambió la fecha")
    assert Refund.objects.get().amount == 5000


def test_a_refund_without_a_reason_is_asked_again_and_refunds_nothing(staff: Any) -> None:
    page = refund(staff("box office"), paid(), confirmed="1", reason=" ").content.decode()
    assert 'class="errorlist"' in page
    assert not Refund.objects.exists()


def test_a_refund_sent_twice_moves_the_money_once(staff: Any) -> None:
    client, rows = staff("finance"), paid()
    refund(client, rows, confirmed="1", reason="x")
    page = refund(client, rows, confirmed="1", reason="x").content.decode()
    assert "El boleto ya fue reembolsado" in page
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("role", ["auditor", "gate", "support"])
def test_who_may_not_refund_cannot_do_it_by_hand_either(staff: Any, role: str) -> None:
    rows = paid()
    refund(staff(role), rows, confirmed="1", reason="x")
    assert Ticket.objects.get().status == "PAID"
    assert not Refund.objects.exists()


# Searching


@pytest.mark.parametrize("typed", ["12.345.678-5", "12345678-5", "123456785", "12 345 678-5", "12345678"])
def test_a_rut_finds_its_tickets_orders_and_person_however_it_is_typed(staff: Any, typed: str) -> None:
    client = staff("box office")
    paid()
    paid(rut=9_876_543, name="Otra Persona")
    assert ruts_meant(typed) >= {12_345_678}
    for url in (TICKETS, "/admin/tickets/order/", "/admin/accounts/person/"):
        response = client.get(url, {"q": typed})
        assert len(response.context["cl"].result_list) == 1, url


def test_a_wrong_check_digit_finds_nobody() -> None:
    assert ruts_meant("12.345.678-9") == set()
    assert ruts_meant("Ana") == set()
    assert ruts_meant("٣٣") == set()


def test_tickets_are_found_by_name_seat_ticket_and_order_code(staff: Any) -> None:
    client = staff("box office")
    one, _two = paid(2)
    paid(name="Berta Soto", event="Otro", event_id=2)
    for text, count in [
        ("núñez", 2),
        ("Ana A-2", 1),
        ("berta", 1),
        ("A-1", 2),
        (one.external_id, 1),
        (one.order.code, 2),
        (one.order.code.lower(), 2),
        ("nobody", 0),
        ("'; DROP", 0),
    ]:
        assert len(client.get(TICKETS, {"q": text}).context["cl"].result_list) == count, text


def test_tickets_are_filtered_by_event_state_and_day(staff: Any) -> None:
    client = staff("box office")
    paid(2)
    arrived_order(event="Otro", event_id=2)
    outside_order()
    for query, count in [
        ({"event": "id:1"}, 2),
        ({"event": "name:Feria"}, 1),
        ({"status__exact": "PAID"}, 2),
        ({"paid": "0"}, 2),
        ({"paid": "1"}, 0),
        ({"paid": "x", "event": "id:x"}, 4),
    ]:
        assert len(client.get(TICKETS, query).context["cl"].result_list) == count, query


def test_a_sections_prefix_is_no_part_of_the_row() -> None:
    assert wording.seat_parts(section="Platea derecha", seat="PD-G-5") == ("Platea derecha", "G", "5")
    assert wording.seat_parts(section="Platea", seat="B-12") == ("Platea", "B", "12")
    assert wording.seat_parts(section="Palco", seat="VIP") == ("Palco", "", "VIP")


# Pages


def test_an_orders_page_tells_its_whole_history(staff: Any) -> None:
    first, second = paid(2)
    jobs.issue_due()
    tickets.check_in(ticket=first.external_id, gate="Norte", by="Pía")
    client = staff("box office")
    refund(client, [second], confirmed="1", reason="Enfermedad")
    page = client.get(f"/admin/tickets/order/{first.order_id}/change/").content.decode()
    for words in [
        "Ana Núñez",
        "12.345.678-5",
        "Orden recibida",
        "Pago cobrado",
        "Ingreso registrado",
        "Boleto reembolsado",
        "Enfermedad",
        "Tus boletos para Concierto Rock Nacional",
        "ana@example.cl",
        "usado",
        "reembolsado",
        "$10.000",
    ]:
        assert words in page, words


def test_staff_open_the_pdf_of_a_valid_ticket_only(staff: Any) -> None:
    client = staff("box office")
    (ticket,) = paid()
    url = f"{TICKETS}{ticket.pk}/document.pdf"
    assert client.get(url).status_code == 302
    jobs.issue_due()
    response = client.get(url)
    assert response.headers["Content-Type"] == "application/pdf"
    refund(client, [ticket], confirmed="1", reason="x")
    assert client.get(url).status_code == 302
    assert client.get(f"{TICKETS}999999/document.pdf").status_code == 404


def test_nothing_that_services_write_can_be_edited_added_or_deleted_by_hand(staff: Any) -> None:
    (ticket,) = paid()
    client = staff(is_superuser=True)
    mail = Mail.objects.first()
    assert mail is not None
    rows = {
        "tickets/ticket": ticket.pk,
        "tickets/order": ticket.order_id,
        "tickets/auditentry": AuditEntry.objects.latest("id").pk,
        "payments/paymentattempt": ticket.order.attempts.get().pk,
        "documents/mail": mail.pk,
        "documents/document": ticket.document.pk,
    }
    for path, pk in rows.items():
        assert client.get(f"/admin/{path}/{pk}/change/").status_code == 200, path
        assert client.post(f"/admin/{path}/{pk}/change/", {"status": "USED"}).status_code == 403, path
        assert client.get(f"/admin/{path}/add/").status_code == 403, path
        assert client.post(f"/admin/{path}/{pk}/delete/", {"post": "yes"}).status_code == 403, path


def test_the_secrets_in_mails_and_payments_are_shown_to_nobody(staff: Any) -> None:
    person = Person.objects.create(rut=5_126_663)
    mail = Mail.objects.create(
        key="k", kind="registration", to="a@example.cl", context={"token": "very-secret"}, person=person
    )
    client = staff(is_superuser=True)
    assert "very-secret" not in client.get(f"/admin/documents/mail/{mail.pk}/change/").content.decode()


# Roles

PAGES = {
    "check-in": "/admin/check-in/",
    "messaging": "/admin/carriage/",
    "sums": "/admin/sums/",
    "event refunds": "/admin/event-refunds/",
    "tickets": TICKETS,
    "orders": "/admin/tickets/order/",
    "audit": "/admin/tickets/auditentry/",
    "admissions": "/admin/tickets/admission/",
    "people": "/admin/accounts/person/",
    "attempts": "/admin/payments/paymentattempt/",
    "refunds": "/admin/payments/refund/",
    "documents": "/admin/documents/document/",
    "mails": "/admin/documents/mail/",
    "dead letters": "/admin/dead_letters/deadletter/",
    "outbox": "/admin/outbox/outboxmessage/",
    "groups": "/admin/auth/group/",
}
SEES = {
    "gate": {"check-in"},
    "finance": {"sums", "event refunds", "tickets", "orders", "attempts", "refunds"},
    "box office": {
        "tickets", "orders", "admissions", "people", "attempts", "refunds", "documents", "mails", "dead letters",
        "outbox", "messaging",
    },
    "support": {"tickets", "orders", "admissions", "people", "attempts", "refunds", "documents", "mails"},
    "auditor": set(PAGES) - {"check-in", "groups"},
}  # fmt: skip


@pytest.mark.parametrize("role", SEES)
def test_each_role_sees_what_is_theirs_and_nothing_else(staff: Any, role: str) -> None:
    client = staff(role)
    allowed = {name for name, url in PAGES.items() if client.get(url).status_code == 200}
    assert allowed == SEES[role]
    index = client.get("/admin/").content.decode()
    linked = {name for name, url in PAGES.items() if f'href="{url}"' in index}
    assert linked == SEES[role]


def test_a_customer_does_not_get_into_the_desk(client: Client, make_person: Any) -> None:
    client.force_login(make_person(12_345_678))
    assert client.get("/admin/").status_code == 302


def test_staff_log_in_with_a_rut_in_any_form(client: Client, make_person: Any) -> None:
    make_person(22_222_222, is_staff=True, password="una-clave-larga-9")
    for typed in ("22.222.222-2", "222222222", "22222222-2"):
        response = client.post("/admin/login/", {"username": typed, "password": "una-clave-larga-9"})
        assert response.status_code == 302, typed
        client.logout()


def test_the_start_page_shows_today_and_what_waits_for_somebody(staff: Any) -> None:
    paid(2)
    Mail.objects.create(key="k", kind="already_registered", to="a@example.cl", status=Mail.Status.FAILED)
    page = staff(is_superuser=True).get("/admin/").content.decode()
    assert "$10.000" in page
    assert "<strong>1</strong> Correos que no se pudieron enviar" in page
    assert "/admin/documents/mail/?status__exact=failed" in page


def test_tickets_of_one_page_are_read_with_few_queries(staff: Any, django_assert_max_num_queries: Any) -> None:
    client = staff("box office")
    for _ in range(5):
        paid(2)
    client.get(TICKETS)
    with django_assert_max_num_queries(12):
        client.get(TICKETS)
    with django_assert_max_num_queries(18):
        client.get(f"/admin/tickets/order/{Order.objects.latest('id').pk}/change/")
