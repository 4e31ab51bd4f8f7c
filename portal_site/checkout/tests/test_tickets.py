"""One ticket: by its booking code, or as the person logged in."""

import re

import pytest
from django.test import Client

from portal_site.clients.tests.fakes import PDF, Sites

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(sites: Sites) -> tuple[str, str]:
    """A paid order of one seat: its code and its ticket."""
    seat = sites.seats[1][0]
    sites.take(seat["id"])
    code = sites.hold([seat], rut=12345678)
    sites.settle(code)
    return code, sites.orders[code]["tickets"][0]["external_id"]


@pytest.fixture
def ana(client: Client, sites: Sites) -> Client:
    """A browser in which Ana is logged in."""
    sites.add_person(12345678, "Ana Pérez", "ana@example.cl")
    client.post("/cuenta/entrar", {"who": "ana@example.cl", "password": "clave-larga-9"})
    return client


def test_the_ticket_shows_its_qr_in_big(client: Client, paid: tuple[str, str]) -> None:
    code, ticket = paid
    html = client.get(f"/orden/{code}/boleto/{ticket}").content.decode()
    assert "data-qr" in html
    assert 'class="qr"' in html
    assert "PL-A1" in html


def test_the_pdf_is_passed_on(client: Client, paid: tuple[str, str]) -> None:
    code, ticket = paid
    response = client.get(f"/orden/{code}/boleto/{ticket}/pdf")
    assert response["Content-Type"] == "application/pdf"
    assert response.content == PDF
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("change", [{"document": "preparing"}, {"qr": None}])
def test_a_ticket_in_preparation_looks_again_on_every_page_that_shows_it(
    ana: Client, sites: Sites, paid: tuple[str, str], change: dict[str, object]
) -> None:
    code, ticket = paid
    sites.claimed["token-of-12345678"] = [code]
    pages = [f"/orden/{code}", f"/orden/{code}/boleto/{ticket}", f"/boleto/{ticket}", "/mis-boletos"]
    versions = {}
    for page in pages:
        html = ana.get(page).content.decode()
        assert "data-moving" not in html
        versions[page] = re.search(r'data-version="([^"]+)"', html)[1]  # type: ignore[index]
    sites.orders[code]["tickets"][0] |= change
    for page in pages:
        html = ana.get(page).content.decode()
        assert "data-moving" in html
        assert f'data-version="{versions[page]}"' not in html


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("due", "Estamos devolviendo $25.000 a la tarjeta terminada en 1111"),
        ("unknown", "Estamos devolviendo $25.000"),
        ("done", "Devolvimos $25.000 a la tarjeta terminada en 1111"),
        ("failed", "El banco no aceptó devolver $25.000"),
    ],
)
def test_a_refunded_ticket_says_what_became_of_the_money(
    client: Client, sites: Sites, paid: tuple[str, str], status: str, words: str
) -> None:
    code, ticket = paid
    client.post(f"/orden/{code}/boleto/{ticket}/devolver", {})
    sites.orders[code]["tickets"][0]["refund"]["status"] = status
    for page in (f"/orden/{code}", f"/orden/{code}/boleto/{ticket}"):
        html = client.get(page).content.decode()
        assert words in html
        assert ("data-moving" in html) == (status in ("due", "unknown"))


def test_a_pdf_in_preparation_is_a_page_that_looks_again(client: Client, sites: Sites, paid: tuple[str, str]) -> None:
    code, ticket = paid
    sites.orders[code]["tickets"][0]["document"] = "preparing"
    response = client.get(f"/orden/{code}/boleto/{ticket}/pdf")
    assert response.status_code == 202
    html = response.content.decode()
    assert "data-moving" in html
    assert '<noscript><meta http-equiv="refresh"' in html


def test_a_document_that_is_no_pdf_is_not_passed_on(client: Client, sites: Sites, paid: tuple[str, str]) -> None:
    code, ticket = paid
    sites.scripted["GET", "/document$"] = (200, b"<script>alert(1)</script>")
    assert client.get(f"/orden/{code}/boleto/{ticket}/pdf").status_code == 503


def test_a_refund_is_asked_once_more_and_then_done_with_one_key(
    client: Client, sites: Sites, paid: tuple[str, str]
) -> None:
    code, ticket = paid
    address = f"/orden/{code}/boleto/{ticket}/devolver"
    html = client.get(address).content.decode()
    assert "¿Devolver este boleto?" in html
    assert sites.orders[code]["tickets"][0]["status"] == "PAID"
    nonce = re.search(r'name="nonce" value="(\w+)"', html)
    assert nonce
    response = client.post(address, {"nonce": nonce[1], "reason": "No puedo ir"})
    assert response["Location"] == f"/orden/{code}"
    assert sites.orders[code]["tickets"][0]["status"] == "REFUNDED"
    call = sites.calls[-1]
    assert call.headers["idempotency-key"] == nonce[1]
    assert call.headers["x-booking-code"] == code
    assert call.body == {"reason": "No puedo ir"}
    html = client.get(f"/orden/{code}").content.decode()
    assert "data-qr" not in html
    assert 'data-ticket-status="REFUNDED"' in html


def test_a_refund_that_billing_refuses_is_told_in_its_words(
    client: Client, sites: Sites, paid: tuple[str, str]
) -> None:
    code, ticket = paid
    sites.scripted["POST", "/refund$"] = (409, {"error": "El evento ya comenzó", "code": "not_refundable"})
    response = client.post(f"/orden/{code}/boleto/{ticket}/devolver", {}, follow=True)
    assert "El evento ya comenzó" in response.content.decode()


def test_a_refund_without_answer_keeps_its_key(client: Client, sites: Sites, paid: tuple[str, str]) -> None:
    code, ticket = paid
    sites.scripted["POST", "/refund$"] = (503, {})
    response = client.post(f"/orden/{code}/boleto/{ticket}/devolver", {"nonce": "b" * 32})
    assert response.status_code == 503
    assert f'value="{"b" * 32}"' in response.content.decode()


@pytest.mark.parametrize("what", ["", "/pdf", "/devolver"])
def test_a_ticket_of_another_order_is_404_by_this_code(
    client: Client, sites: Sites, paid: tuple[str, str], what: str
) -> None:
    _code, ticket = paid
    other = sites.hold([sites.seats[1][5]], rut=5555555)
    assert client.get(f"/orden/{other}/boleto/{ticket}{what}").status_code == 404


@pytest.mark.parametrize("what", ["", "/pdf", "/devolver"])
def test_without_code_or_login_a_ticket_leads_to_the_login(client: Client, paid: tuple[str, str], what: str) -> None:
    response = client.get(f"/boleto/{paid[1]}{what}")
    assert response.status_code == 302
    assert response["Location"].startswith("/cuenta/entrar?next=")


def test_a_person_sees_her_own_ticket_and_no_other(ana: Client, sites: Sites, paid: tuple[str, str]) -> None:
    code, ticket = paid
    sites.claimed["token-of-12345678"] = [code]
    assert "data-qr" in ana.get(f"/boleto/{ticket}").content.decode()
    assert ana.get(f"/boleto/{ticket}/pdf").content == PDF
    other = sites.hold([sites.seats[1][5]], rut=5555555)
    sites.settle(other)
    others = sites.orders[other]["tickets"][0]["external_id"]
    for what in ("", "/pdf", "/devolver"):
        assert ana.get(f"/boleto/{others}{what}").status_code == 404


def test_the_id_of_an_outside_ticket_may_hold_a_slash(ana: Client, sites: Sites, paid: tuple[str, str]) -> None:
    code, _ticket = paid
    sites.claimed["token-of-12345678"] = [code]
    sites.orders[code]["tickets"][0]["external_id"] = "EXT/2026/1"
    sites.scripted["GET", "/api/tickets/EXT%2F2026%2F1$"] = (200, sites.orders[code]["tickets"][0])
    assert ana.get("/mis-boletos").status_code == 200
    assert "data-qr" in ana.get("/boleto/EXT/2026/1").content.decode()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("USED", "ya se entró"),
        ("REFUNDED", "ya no sirve para entrar"),
        ("EXPIRED", "ya no sirve para entrar"),
        ("PENDING_PAYMENT", "todavía no está pagado"),
    ],
)
def test_only_a_paid_ticket_has_a_qr(
    client: Client, sites: Sites, paid: tuple[str, str], status: str, said: str
) -> None:
    code, ticket = paid
    sites.orders[code]["tickets"][0]["status"] = status
    html = client.get(f"/orden/{code}/boleto/{ticket}").content.decode()
    assert "data-qr" not in html
    assert said in html
