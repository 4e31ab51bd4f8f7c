"""The way to Webpay's page and back: four shapes, by GET and POST, and what the buyer is told about the money."""

import re
from typing import Any

import pytest
from django.test import Client

from portal_site.checkout.tests.test_orders import hold, state_of
from portal_site.clients.tests.fakes import Sites

pytestmark = pytest.mark.django_db

FORM = {"url": "https://webpay3g.transbank.cl/webpayserver/initTransaction", "token": "e" * 64}
RETURN = "/pago/webpay/return"
ORDER = {"TBK_ORDEN_COMPRA": "a1", "TBK_ID_SESION": "b2"}
SHAPES: dict[str, dict[str, str]] = {
    "paid": {"token_ws": FORM["token"]},
    "aborted": {"TBK_TOKEN": FORM["token"], **ORDER},
    "timed out": ORDER,
    "failed": {"token_ws": FORM["token"], "TBK_TOKEN": FORM["token"], **ORDER},
}


def webpay_hold(sites: Sites) -> str:
    code = hold(sites)
    sites.orders[code]["pay_with"] = "webpay"
    return code


def leave(client: Client, sites: Sites, code: str) -> Any:
    """The buyer presses the button: billing opens a form."""
    sites.orders[code] |= {"status": "paying", "payment": {"status": "started", "error": "", "form": FORM}}
    sites.scripted["POST", "/pay$"] = (201, sites.orders[code])
    return client.post(f"/orden/{code}/pagar", {"with": "webpay", "nonce": "a" * 32})


def test_the_order_offers_webpay_and_asks_for_no_card(client: Client, sites: Sites) -> None:
    html = client.get(f"/orden/{webpay_hold(sites)}").content.decode()
    assert "Pagar $50.000 con Webpay" in html
    assert "card_number" not in html
    assert "data-test-cards" not in html


def test_the_button_leads_to_a_page_that_goes_to_webpay_and_may_send_its_form_there(
    client: Client, sites: Sites
) -> None:
    code = webpay_hold(sites)
    assert leave(client, sites, code)["Location"] == f"/orden/{code}/webpay"
    response = client.get(f"/orden/{code}/webpay")
    html = response.content.decode()
    assert f'action="{FORM["url"]}"' in html
    assert f'name="token_ws" value="{FORM["token"]}"' in html
    policy = re.search(r"form-action ([^;]+)", response["Content-Security-Policy"])
    assert policy
    assert "https://webpay3g.transbank.cl" in policy[1]
    assert "no-store" in response["Cache-Control"]
    (call,) = (call for call in sites.calls if call.path.endswith("/pay"))
    assert call.body == {}


def test_other_pages_may_send_no_form_to_webpay(client: Client, sites: Sites) -> None:
    code = webpay_hold(sites)
    leave(client, sites, code)
    assert "transbank" not in client.get(f"/orden/{code}")["Content-Security-Policy"]


def test_an_order_at_webpay_says_that_nothing_was_charged_and_how_to_go_on(client: Client, sites: Sites) -> None:
    code = webpay_hold(sites)
    leave(client, sites, code)
    html = client.get(f"/orden/{code}").content.decode()
    assert state_of(client, code) == "at_form"
    assert "Todavía no se cobró nada" in html
    assert f'href="/orden/{code}/webpay"' in html
    assert "data-moving" in html
    assert 'id="pay"' not in html


def test_without_an_open_form_the_way_to_webpay_leads_to_the_order(client: Client, sites: Sites) -> None:
    code = webpay_hold(sites)
    assert client.get(f"/orden/{code}/webpay")["Location"] == f"/orden/{code}"


def test_an_address_that_is_no_web_address_is_not_offered(client: Client, sites: Sites) -> None:
    code = webpay_hold(sites)
    sites.orders[code]["payment"] = {"status": "started", "error": "", "form": FORM | {"url": "javascript:alert(1)"}}
    assert "javascript:" not in client.get(f"/orden/{code}/webpay", follow=True).content.decode()


@pytest.mark.parametrize("answer", [(503, {"code": "x"}), (409, {"code": "payment_open"}), (400, {"fields": {}})])
def test_when_webpay_cannot_be_opened_the_order_says_how_it_stands(
    client: Client, sites: Sites, answer: tuple[int, dict[str, Any]]
) -> None:
    code = webpay_hold(sites)
    sites.scripted["POST", "/pay$"] = answer
    response = client.post(f"/orden/{code}/pagar", {"with": "webpay"}, follow=True)
    assert response.redirect_chain[-1][0] == f"/orden/{code}"
    assert ("No se cobró nada" in response.content.decode()) == (answer[0] == 503)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_return_reaches_billing_whole_and_leads_to_the_order(sites: Sites, shape: str, method: str) -> None:
    # As the browser comes from another site: without cookies of ours, and with no token against forgery.
    stranger = Client(enforce_csrf_checks=True)
    code = webpay_hold(sites)
    sites.scripted["POST", RETURN.replace("/pago", "")] = (200, {"order": code, "payment": "captured"})
    response = getattr(stranger, method)(RETURN, SHAPES[shape])
    assert response["Location"] == f"/orden/{code}"
    assert "no-store" in response["Cache-Control"]
    (call,) = (call for call in sites.calls if call.path == "/api/payments/webpay/return")
    assert call.body == SHAPES[shape]


@pytest.mark.parametrize("method", ["get", "post"])
def test_while_billing_is_silent_the_page_brings_the_return_again_by_itself(
    client: Client, sites: Sites, method: str
) -> None:
    code = webpay_hold(sites)
    sites.down.add("billing")
    response = getattr(client, method)(RETURN, SHAPES["failed"])
    html = response.content.decode()
    assert response.status_code == 503
    assert "No pagues de nuevo" in html
    found = re.search(r'<meta http-equiv="refresh" content="4; url=([^"]+)"', html)
    assert found
    sites.down.clear()
    sites.scripted["POST", "/webpay/return"] = (200, {"order": code, "payment": "captured"})
    assert client.get(found[1].replace("&amp;", "&"))["Location"] == f"/orden/{code}"
    assert sites.calls[-1].body == SHAPES["failed"]


def test_a_return_that_billing_does_not_know_is_404(client: Client, sites: Sites) -> None:
    sites.scripted["POST", "/webpay/return"] = (404, {"code": "not_found", "error": "No encontrado"})
    assert client.get(RETURN, {"token_ws": "x"}).status_code == 404
    assert client.get(RETURN).status_code == 404


def test_whoever_typed_wrong_codes_still_comes_back_from_webpay(client: Client, sites: Sites, settings: Any) -> None:
    settings.WRONG_CODES_A_MINUTE = 1
    code = webpay_hold(sites)
    client.get("/orden/TF-0000-0000-0000")
    sites.scripted["POST", "/webpay/return"] = (200, {"order": code, "payment": "captured"})
    assert client.get(RETURN, SHAPES["paid"]).status_code == 302


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("form_aborted", "Anulaste el pago en Webpay"),
        ("form_timed_out", "Se acabó el tiempo en la página de Webpay"),
        ("abandoned", "Se acabó el tiempo en la página de Webpay"),
        ("form_failed", "La página de Webpay tuvo un problema"),
        ("gateway_unreachable", "El sistema de pagos no respondió"),
        ("not_found", "El banco no registró ningún cobro"),
        ("FAILED -1", "La tarjeta fue rechazada"),
    ],
)
def test_a_payment_that_ended_without_money_says_why_and_can_be_tried_again(
    client: Client, sites: Sites, word: str, said: str
) -> None:
    code = webpay_hold(sites)
    sites.orders[code]["payment"] = {"status": "declined", "error": word, "form": None}
    html = client.get(f"/orden/{code}").content.decode()
    assert state_of(client, code) == "declined"
    assert said in html
    assert 'id="pay"' in html
