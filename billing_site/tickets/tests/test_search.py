"""The one field of the start page."""

from typing import Any

import pytest
from django.test import Client

from billing_site.tickets.tests.factories import arrived_order, outside_order, tickets_of

pytestmark = pytest.mark.django_db
URL = "/admin/search/"


def opens(client: Client, text: str) -> str:
    """The page that a search leads to at once, or "" when it shows a list."""
    response = client.get(URL, {"q": text})
    return response.headers.get("Location", "")


def test_a_code_or_a_ticket_opens_at_once_however_it_is_typed(desk: Any) -> None:
    client = desk("box office")
    order, outside = arrived_order(2), outside_order(id="EXT/77")
    ticket = tickets_of(order)[0]
    for text in (order.code, f" {order.code.lower()} "):
        assert opens(client, text) == f"/admin/tickets/order/{order.pk}/change/"
    for text in (ticket.external_id, ticket.external_id.upper(), ticket.external_id[:20]):
        assert opens(client, text) == f"/admin/tickets/ticket/{ticket.pk}/change/", text
    assert opens(client, "EXT/77") == f"/admin/tickets/order/{outside.pk}/change/"


def test_a_rut_a_mail_or_a_name_lists_orders_and_people(desk: Any, make_person: Any) -> None:
    client = desk("box office")
    order = arrived_order(name="Ana Núñez", email="ana@example.cl", rut=12_345_678)
    make_person(12_345_678, full_name="Ana María Núñez", email="ana@example.cl")
    arrived_order(name="Otra", email="otra@example.cl", rut=9_876_543)
    for text in ("12.345.678-5", "ana@example.cl", "ANA@example.cl", "núñez ana"):
        found = client.get(URL, {"q": text}).context["found"]
        assert [row.pk for row in found.orders] == [order.pk], text
        assert [row.rut for row in found.people] == [12_345_678], text
        assert found.tickets == []


def test_what_is_nowhere_is_said_and_never_an_error(desk: Any) -> None:
    client = desk("box office")
    for text in ("nadie", "'; DROP TABLE", "%", "\x00", "x" * 5000, "TF-", "12.345.678-9"):
        response = client.get(URL, {"q": text})
        assert response.status_code == 200
        assert response.context["found"].count == 0, text
    assert "Nada se llama «nadie»" in client.get(URL, {"q": "nadie"}).content.decode()
    assert client.get(URL).status_code == 200


def test_nobody_finds_what_they_may_not_see(desk: Any, make_person: Any) -> None:
    arrived_order(name="Ana Núñez", rut=12_345_678)
    make_person(12_345_678, full_name="Ana Núñez")
    found = desk("finance").get(URL, {"q": "12.345.678-5"})
    assert "/tickets/order/" in found.headers["Location"]
    client = desk("gate")
    assert client.get(URL, {"q": "Ana"}).status_code == 403
    assert 'name="q"' not in client.get("/admin/").content.decode()
