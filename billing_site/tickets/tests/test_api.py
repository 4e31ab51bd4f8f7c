"""The API of tickets and orders: who sees what, and that nothing that is sent makes it answer 500."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from billing_site.accounts.models import Person
from billing_site.conftest import KEYS, bearer, service
from billing_site.documents.models import Document
from billing_site.payments import refunds
from billing_site.payments import services as payments
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.tests.fakes import FakeGateway
from billing_site.tickets.models import Order, Ticket
from billing_site.tickets.tests.factories import RUT, arrived_order, outside_order, tickets_of
from middleware_worker.contract import credentials

pytestmark = pytest.mark.django_db

CONTRACT_FIELDS = [
    "id", "external_id", "status", "rut", "price", "event", "seat", "created_at", "paid_at", "used_at", "refunded_at",
]  # fmt: skip


def paid(order: Order) -> Ticket:
    payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    return tickets_of(order)[0]


def post(api: Client, path: str, body: Any = None, **headers: str) -> Any:
    return api.post(path, body or {}, content_type="application/json", headers=headers)


def staff(api: Client, *permissions: str) -> Person:
    person = Person.objects.create_user(99, password="una-clave-larga-9", is_staff=True)
    for name in permissions:
        person.user_permissions.add(Permission.objects.get(codename=name))
    api.force_login(person)
    return person


class TestWhoIsCalling:
    @pytest.mark.parametrize(
        "path", ["/api/tickets", "/api/tickets/x", "/api/orders/x", "/api/me", "/api/tickets/x/document"]
    )
    def test_nobody_gets_401_in_json(self, api: Client, path: str) -> None:
        response = api.get(path)
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
        assert response.json()["error"]

    def test_bad_credentials_get_401_and_not_the_rights_of_nobody(
        self, api: Client, make_person: Callable[..., Person]
    ) -> None:
        person = make_person(RUT)
        forged = credentials.issue(caller="portal", audience="billing", key="another-key-as-long-as-the-right-one")
        elsewhere = credentials.issue(caller="portal", audience="reservations", key=KEYS["portal"])
        for headers in (
            {"Authorization": "Bearer nonsense"},
            {"Authorization": "Bearer"},
            {"Authorization": f"Service {forged}"},
            {"Authorization": f"Service {elsewhere}"},
            {**bearer(person), "X-Service": f"Service {forged}"},
        ):
            assert api.get("/api/tickets", headers=headers).status_code == 401, headers

    def test_a_program_and_staff_see_any_ticket(self, api: Client) -> None:
        order = arrived_order(2)
        (first, second) = tickets_of(order)
        for headers in (service("portal"), service("worker")):
            found = api.get("/api/tickets", headers=headers).json()
            assert {row["external_id"] for row in found["results"]} == {first.external_id, second.external_id}
        staff(api)
        assert api.get(f"/api/tickets/{first.external_id}").status_code == 200
        customer = Person.objects.create_user(98)
        api.force_login(customer)
        assert api.get(f"/api/tickets/{first.external_id}").status_code == 401

    def test_a_customer_sees_what_they_proved_and_of_the_rest_not_even_that_it_is_there(
        self, api: Client, make_person: Callable[..., Person]
    ) -> None:
        person = make_person(RUT)
        mine, other, foreign = arrived_order(), arrived_order(), arrived_order(rut=7)
        assert post(api, "/api/claims", {"code": mine.code}, **bearer(person)).json() == {
            "linked": [tickets_of(mine)[0].external_id],
            "verified": False,
        }
        found = api.get("/api/tickets", headers=bearer(person)).json()
        assert [row["order"] for row in found["results"]] == [mine.code]
        for order, status in ((mine, 200), (other, 404), (foreign, 404)):
            ticket = tickets_of(order)[0].external_id
            assert api.get(f"/api/tickets/{ticket}", headers=bearer(person)).status_code == status
            assert api.get(f"/api/orders/{order.code}", headers=bearer(person)).status_code == status
            for action in ("refund", "document"):
                call = api.get if action == "document" else api.post
                response = call(f"/api/tickets/{ticket}/{action}", headers=bearer(person))
                assert (response.status_code == 404) == (status == 404), action
        assert post(api, "/api/claims", {"code": foreign.code}, **bearer(person)).status_code == 404

    def test_the_portal_with_a_persons_token_acts_as_that_person(
        self, api: Client, make_person: Callable[..., Person]
    ) -> None:
        person = make_person(RUT)
        arrived_order()
        both = {**bearer(person), **service("portal", "X-Service")}
        assert api.get("/api/tickets", headers=both).json()["count"] == 0
        assert api.get("/api/tickets", headers=service()).json()["count"] == 1

    def test_only_the_portal_reads_orders_by_their_code(self, api: Client) -> None:
        order = arrived_order()
        assert api.get(f"/api/orders/{order.code}", headers=service("portal")).status_code == 200
        assert api.get(f"/api/orders/{order.code}", headers=service("worker")).status_code == 404
        assert post(api, f"/api/orders/{order.code}/pay", **service("worker")).status_code == 404

    def test_the_booking_code_is_secret_to_who_does_not_hold_the_order(self, api: Client) -> None:
        ticket = tickets_of(arrived_order())[0]
        for headers in (service("portal"), service("worker")):
            for path in ("/api/tickets", f"/api/tickets/{ticket.external_id}"):
                shown = api.get(path, headers=headers).content.decode()
                assert ticket.external_id in shown
                assert ticket.order.code not in shown
        staff(api)
        assert ticket.order.code not in api.get("/api/tickets").content.decode()
        api.logout()
        held = api.get(f"/api/tickets/{ticket.external_id}", headers={**service(), "X-Booking-Code": ticket.order.code})
        assert held.json()["order"] == ticket.order.code


class TestReading:
    def test_a_ticket_has_the_fields_of_the_contract(self, api: Client) -> None:
        ticket = tickets_of(arrived_order(prices=[5000]))[0]
        shown = api.get(f"/api/tickets/{ticket.external_id}", headers=service("worker")).json()
        assert set(CONTRACT_FIELDS) <= set(shown)
        assert (shown["price"], shown["rut"], shown["seat"]) == (5000, RUT, "A-1")
        assert (shown["status"], shown["paid_at"]) == ("PENDING_PAYMENT", None)

    def test_filters_narrow_the_list(self, api: Client, gateway: FakeGateway) -> None:
        first, second, outside = arrived_order(), arrived_order(rut=7, event_id=2), outside_order(event="Feria")
        paid(second)

        def ids(query: str) -> set[str]:
            found = api.get(f"/api/tickets?{query}", headers=service("worker"))
            assert found.status_code == 200, found.content
            return {row["external_id"] for row in found.json()["results"]}

        def id_of(order: Order) -> str:
            return tickets_of(order)[0].external_id

        assert ids("rut=7") == {id_of(second)}
        assert ids("status=PAID") == {id_of(second)}
        assert ids(f"external_id={id_of(first)}") == {id_of(first)}
        assert ids("event=Feria") == {id_of(outside)}
        assert ids("event=2") == {id_of(second)}
        assert ids("rut=8") == set()
        assert ids("status=PAID&rut=12345678") == set()

    def test_the_list_comes_in_pages(self, api: Client) -> None:
        for _ in range(3):
            arrived_order()
        first = api.get("/api/tickets?page_size=2", headers=service("worker")).json()
        assert (first["count"], len(first["results"]), first["previous"]) == (3, 2, None)
        second = api.get(first["next"], headers=service("worker")).json()
        assert len(second["results"]) == 1
        assert api.get("/api/tickets?page=9", headers=service("worker")).status_code == 404

    def test_an_outside_id_may_hold_anything_that_can_be_printed(self, api: Client, gateway: FakeGateway) -> None:
        from urllib.parse import quote

        for name in ("a/b", "ñ ü", "?x=1", "#", "..", "%2F", "a'b\"c", "😀"):
            ticket = paid(outside_order(id=name))
            path = f"/api/tickets/{quote(name, safe='')}"
            assert api.get(path, headers=service("worker")).json()["id"] == ticket.pk, name
            headers = {**service(), "X-Booking-Code": name} if name.isascii() else {}
            if headers:
                assert api.get(f"{path}/document", headers=headers).status_code == 202

    def test_an_order_tells_its_holder_everything(self, api: Client, gateway: FakeGateway) -> None:
        order = arrived_order(prices=[5000, 7000], email="a@example.cl")
        shown = api.get(f"/api/orders/{order.code.lower()}", headers=service()).json()
        assert (shown["status"], shown["total"], shown["payment"], shown["email"]) == (
            "pending", 12000, None, "a@example.cl",
        )  # fmt: skip
        assert {ticket["qr"] for ticket in shown["tickets"]} == {None}
        paid(order)
        shown = api.get(f"/api/orders/{order.code}", headers=service()).json()
        assert (shown["status"], shown["payment"]) == ("paid", {"status": "captured", "error": ""})
        assert {ticket["document"] for ticket in shown["tickets"]} == {"preparing"}
        assert all(ticket["qr"].startswith("TF1.") for ticket in shown["tickets"])

    @pytest.mark.parametrize(
        ("statuses", "shown"),
        [
            (["PAID", "USED"], "paid"),
            (["EXPIRED", "EXPIRED"], "expired"),
            (["REFUNDED", "REFUNDED"], "refunded"),
            (["PAID", "REFUNDED"], "mixed"),
        ],
    )
    def test_an_orders_status_follows_from_its_tickets(self, api: Client, statuses: list[str], shown: str) -> None:
        order = arrived_order(2)
        for ticket, status in zip(tickets_of(order), statuses, strict=True):
            Ticket.objects.filter(pk=ticket.pk).update(status=status)
        assert api.get(f"/api/orders/{order.code}", headers=service()).json()["status"] == shown


class TestGate:
    def test_staff_with_the_permission_let_people_in_once(self, api: Client, gateway: FakeGateway) -> None:
        ticket = paid(arrived_order())
        path = f"/api/tickets/{ticket.external_id}/check-in"
        staff(api, "check_in_ticket")
        assert post(api, path, {"event": "1", "gate": "Norte"}).json()["status"] == "USED"
        again = post(api, path, {"event": "1", "gate": "Sur"})
        assert (again.status_code, again.json()["code"], again.json()["gate"]) == (409, "already_used", "Norte")
        assert again.json()["at"]
        assert post(api, "/api/tickets/no-such/check-in", {"gate": "1"}).status_code == 404

    def test_nobody_else_may(self, api: Client, gateway: FakeGateway, make_person: Callable[..., Person]) -> None:
        ticket = paid(arrived_order())
        path = f"/api/tickets/{ticket.external_id}/check-in"
        assert post(api, path).status_code == 401
        for headers in (service(), service("worker"), bearer(make_person(RUT))):
            assert post(api, path, **headers).status_code == 403
        staff(api)
        assert post(api, path).status_code == 403
        ticket.refresh_from_db()
        assert ticket.status == "PAID"

    def test_a_form_on_another_site_cannot_use_the_session_of_staff(self, gateway: FakeGateway) -> None:
        strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
        ticket = paid(arrived_order())
        staff(strict, "check_in_ticket")
        assert post(strict, f"/api/tickets/{ticket.external_id}/check-in").status_code == 403


class TestGivingBack:
    def test_whoever_has_the_booking_code_gives_a_ticket_back_through_the_portal(
        self, api: Client, gateway: FakeGateway
    ) -> None:
        order = arrived_order()
        ticket = paid(order)
        path = f"/api/tickets/{ticket.external_id}/refund"
        for wrong in ({}, {"X-Booking-Code": "TF-0000-0000-0000"}, {"X-Booking-Code": arrived_order().code}):
            assert post(api, path, **service(), **wrong).status_code == 404
        headers = {**service(), "X-Booking-Code": order.code.lower()}
        assert post(api, path, {"reason": "x"}, **headers).json()["status"] == "REFUNDED"
        again = post(api, path, **headers)
        assert (again.status_code, again.json()["code"]) == (409, "not_refundable")

    def test_the_holder_sees_how_far_the_money_is(self, api: Client, gateway: FakeGateway) -> None:
        order = arrived_order()
        ticket = paid(order)
        headers = {**service(), "X-Booking-Code": order.code}
        seen = lambda: api.get(f"/api/orders/{order.code}", headers=headers).json()["tickets"][0]["refund"]  # noqa: E731
        assert seen() is None
        post(api, f"/api/tickets/{ticket.external_id}/refund", **headers)
        assert seen() == {"status": "due", "amount": int(ticket.price), "card_last4": "1111"}
        refunds.run_refunds()
        assert seen()["status"] == "done"

    def test_a_booking_code_is_no_proof_to_another_program(self, api: Client, gateway: FakeGateway) -> None:
        order = arrived_order()
        ticket = paid(order)
        assert (
            post(api, f"/api/tickets/{ticket.external_id}/refund", **{"X-Booking-Code": order.code}).status_code == 401
        )

    def test_a_buyer_gives_back_until_the_event_begins_and_staff_afterwards_too(
        self, api: Client, gateway: FakeGateway
    ) -> None:
        order = arrived_order()
        ticket = paid(order)
        Order.objects.filter(pk=order.pk).update(starts_at=timezone.now())
        path = f"/api/tickets/{ticket.external_id}/refund"
        headers = {**service(), "X-Booking-Code": order.code}
        assert api.get(f"/api/tickets/{ticket.external_id}", headers=headers).json()["refundable"] is False
        assert post(api, path, **headers).status_code == 409
        staff(api)
        assert post(api, path).status_code == 403
        api.logout()
        Person.objects.filter(rut=99).delete()
        staff(api, "refund_ticket")
        assert post(api, path).json()["status"] == "REFUNDED"

    def test_the_document_of_a_paid_ticket_comes_when_it_is_ready(self, api: Client, gateway: FakeGateway) -> None:
        order = arrived_order()
        path = f"/api/tickets/{tickets_of(order)[0].external_id}/document"
        headers = {**service(), "X-Booking-Code": order.code}
        assert api.get(path, headers=headers).status_code == 409
        paid(order)
        assert (api.get(path, headers=headers).status_code, api.get(path, headers=headers).json()["code"]) == (
            202, "preparing",
        )  # fmt: skip
        Document.objects.update(pdf=b"%PDF-1.7", ready_at=timezone.now())
        response = api.get(path, headers={**headers, "Accept": "application/pdf, application/json"})
        assert (response.status_code, response["Content-Type"], response.content) == (
            200, "application/pdf", b"%PDF-1.7",
        )  # fmt: skip
        assert api.get(path, headers=service()).status_code == 404
