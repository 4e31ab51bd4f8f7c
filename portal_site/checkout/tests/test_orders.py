"""The page of an order in each of its states, paying, cancelling."""

import json
import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from portal_site.clients.tests.fakes import ZONE, Sites

pytestmark = pytest.mark.django_db
CARD = {"card_number": "4111 1111 1111 1111", "card_expiry": "12/30", "card_cvv": "123"}
DECLINED, SLOW = "4000 0000 0000 0002", "4000 0000 0000 0259"


def hold(sites: Sites, *, seats: int = 2, minutes: float = 10) -> str:
    chosen = sites.seats[1][:seats]
    sites.take(*(seat["id"] for seat in chosen))
    return sites.hold(chosen, rut=12345678, email="ana@example.cl", name="Ana Pérez", minutes=minutes)


def state_of(client: Client, code: str) -> str:
    html = client.get(f"/orden/{code}").content.decode()
    found = re.search(r'data-order-status="(\w+)"', html)
    assert found
    return found[1]


def nonce_in(html: str) -> str:
    found = re.search(r'name="nonce" value="(\w+)"', html)
    assert found
    return found[1]


def test_a_hold_shows_seats_total_time_left_and_the_payment_form(client: Client, sites: Sites) -> None:
    code = hold(sites)
    response = client.get(f"/orden/{code}")
    html = response.content.decode()
    assert state_of(client, code) == "pending"
    assert "PL-A1" in html
    assert "$50.000" in html
    assert "data-expires-at" in html
    assert 'id="left-said" role="status" aria-live="polite"' in html
    for hook in ('id="pay"', 'id="cancel"', 'name="card_number"', 'name="card_expiry"', 'name="card_cvv"'):
        assert hook in html
    assert response["Referrer-Policy"] == "same-origin"
    assert "no-store" in response["Cache-Control"]


def test_the_page_shows_neither_rut_nor_mail_of_the_buyer(client: Client, sites: Sites) -> None:
    html = client.get(f"/orden/{hold(sites)}").content.decode()
    for private in ("12345678", "12.345.678", "ana@example.cl", "Ana Pérez"):
        assert private not in html


def test_before_billing_has_heard_the_ticket_is_in_preparation_and_the_page_looks_again(
    client: Client, sites: Sites
) -> None:
    sites.hears = False
    code = hold(sites)
    html = client.get(f"/orden/{code}").content.decode()
    assert state_of(client, code) == "preparing"
    assert "Tu boleto está en preparación" in html
    assert '<noscript><meta http-equiv="refresh"' in html
    assert "data-moving" in html
    before = json.loads(client.get(f"/orden/{code}/estado.json").content)
    sites.hear(code)
    after = json.loads(client.get(f"/orden/{code}/estado.json").content)
    assert (before["state"], after["state"]) == ("preparing", "pending")
    assert before["version"] != after["version"]
    assert datetime.fromisoformat(after["now"]).tzinfo, "an open countdown asks what time it is here"


def test_while_billing_is_down_the_seats_are_kept_and_the_ticket_is_in_preparation(
    client: Client, sites: Sites
) -> None:
    code = hold(sites)
    sites.down.add("billing")
    assert state_of(client, code) == "preparing"
    assert "No pierdes tu lugar" in client.get(f"/orden/{code}").content.decode()


def test_while_reservations_is_down_the_order_is_shown_from_billing_alone(client: Client, sites: Sites) -> None:
    code = hold(sites)
    sites.down.add("reservations")
    assert state_of(client, code) == "pending"
    assert "PL-A1" in client.get(f"/orden/{code}").content.decode()


def test_while_both_are_down_the_page_is_friendly(client: Client, sites: Sites) -> None:
    code = hold(sites)
    sites.down |= {"reservations", "billing"}
    response = client.get(f"/orden/{code}")
    assert response.status_code == 503
    assert "está a salvo" in response.content.decode()
    assert client.get(f"/orden/{code}/estado.json").status_code == 503


def test_paying_shows_tickets_with_qr_pdf_and_refund(client: Client, sites: Sites) -> None:
    code = hold(sites)
    response = client.post(f"/orden/{code}/pagar", {**CARD, "nonce": "a" * 32})
    assert response["Location"] == f"/orden/{code}"
    call = next(call for call in sites.calls if call.path.endswith("/pay"))
    assert call.body == {"card_number": "4111111111111111", "card_expiry": "12/30", "card_cvv": "123"}
    assert call.headers["idempotency-key"] == "a" * 32
    html = client.get(f"/orden/{code}").content.decode()
    assert state_of(client, code) == "paid"
    assert len(re.findall(r"data-ticket-id=", html)) == 2
    assert len(re.findall(r"data-qr ", html)) == 2
    assert len(re.findall(r"<a [^>]*data-pdf ", html)) == 2
    assert "<svg" in html
    assert 'id="pay"' not in html


def test_paying_twice_from_the_same_form_sends_the_same_key(client: Client, sites: Sites) -> None:
    code = hold(sites)
    html = client.get(f"/orden/{code}").content.decode()
    second_tab = client.get(f"/orden/{code}").content.decode()
    assert nonce_in(html) == nonce_in(second_tab)
    for _click in range(2):
        assert client.post(f"/orden/{code}/pagar", {**CARD, "nonce": nonce_in(html)}).status_code == 302
    keys = {call.headers["idempotency-key"] for call in sites.calls if call.path.endswith("/pay")}
    assert keys == {nonce_in(html)}


def test_a_declined_card_is_told_and_the_next_try_has_a_new_key(client: Client, sites: Sites) -> None:
    code = hold(sites)
    nonce = nonce_in(client.get(f"/orden/{code}").content.decode())
    client.post(f"/orden/{code}/pagar", {**CARD, "card_number": DECLINED, "nonce": nonce})
    html = client.get(f"/orden/{code}").content.decode()
    assert state_of(client, code) == "declined"
    assert "La tarjeta fue rechazada" in html
    assert "No se cobró nada" in html
    assert nonce_in(html) != nonce


def test_an_unknown_payment_says_not_to_pay_again_and_offers_no_form(client: Client, sites: Sites) -> None:
    code = hold(sites)
    client.post(f"/orden/{code}/pagar", {**CARD, "card_number": SLOW})
    html = client.get(f"/orden/{code}").content.decode()
    assert state_of(client, code) == "paying"
    assert "Estamos averiguando qué pasó con tu pago; no pagues de nuevo" in html
    assert 'id="pay"' not in html
    assert "data-moving" in html
    sites.settle(code)
    assert state_of(client, code) == "paid"


def test_a_payment_without_answer_is_not_offered_again_while_billing_is_silent(client: Client, sites: Sites) -> None:
    code = hold(sites)
    nonce = nonce_in(client.get(f"/orden/{code}").content.decode())
    sites.down.add("billing")
    client.post(f"/orden/{code}/pagar", {**CARD, "nonce": nonce})
    html = client.get(f"/orden/{code}").content.decode()
    assert state_of(client, code) == "paying"
    assert 'id="pay"' not in html
    sites.down.clear()
    # Billing says that nothing was paid: the same key again, in case it still comes.
    html = client.get(f"/orden/{code}").content.decode()
    assert nonce_in(html) == nonce


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"card_number": "12"}, "entre 13 y 19 dígitos"),
        ({"card_number": ""}, "Escribe el número de la tarjeta"),
        ({"card_expiry": "13/30"}, "como 08/29"),
        ({"card_expiry": "01/20"}, "Esta tarjeta ya venció"),
        ({"card_cvv": "1"}, "Son 3 o 4 dígitos"),
    ],
)
def test_a_card_that_cannot_be_is_refused_before_anything_is_charged(
    client: Client, sites: Sites, wrong: dict[str, str], said: str
) -> None:
    code = hold(sites)
    response = client.post(f"/orden/{code}/pagar", CARD | wrong)
    assert response.status_code == 400
    assert said in response.content.decode()
    assert not any(call.path.endswith("/pay") for call in sites.calls)


def test_the_card_never_comes_back_in_the_page(client: Client, sites: Sites) -> None:
    response = client.post(f"/orden/{hold(sites)}/pagar", CARD | {"card_expiry": "x"})
    html = response.content.decode()
    assert "4111" not in html.replace("4111 1111 1111 1111</code>", "")
    assert 'value="123"' not in html


@pytest.mark.parametrize("code", ["not_pending", "payment_open", "captured_too_late"])
def test_a_payment_that_billing_will_not_take_leads_back_to_the_order(client: Client, sites: Sites, code: str) -> None:
    order = hold(sites)
    sites.scripted["POST", "/pay$"] = (409, {"error": "no", "code": code})
    assert client.post(f"/orden/{order}/pagar", CARD)["Location"] == f"/orden/{order}"
    assert client.get(f"/orden/{order}").status_code == 200


def test_money_that_came_too_late_is_said_to_be_given_back(client: Client, sites: Sites) -> None:
    code = hold(sites)
    sites.end(code)
    sites.orders[code]["payment"] = {"status": "captured", "error": ""}
    html = client.get(f"/orden/{code}").content.decode()
    assert state_of(client, code) == "expired"
    assert "Te devolvemos todo el dinero" in html
    assert "no se cobró nada" not in html


def test_cancelling_frees_the_seats(client: Client, sites: Sites) -> None:
    code = hold(sites)
    assert client.post(f"/orden/{code}/cancelar")["Location"] == f"/orden/{code}"
    assert sites.seats[1][0]["status"] == "available"
    assert state_of(client, code) == "expired"


def test_cancelling_a_paid_order_is_refused_with_a_sentence(client: Client, sites: Sites) -> None:
    code = hold(sites)
    sites.settle(code)
    html = client.post(f"/orden/{code}/cancelar", follow=True).content.decode()
    assert "ya está pagada" in html
    assert state_of(client, code) == "paid"


def test_cancelling_while_reservations_is_down_says_so(client: Client, sites: Sites) -> None:
    code = hold(sites)
    sites.down.add("reservations")
    assert "No pudimos cancelar" in client.post(f"/orden/{code}/cancelar", follow=True).content.decode()


def test_a_cancellation_on_its_way_is_shown(client: Client, sites: Sites) -> None:
    code = hold(sites)
    sites.reservations[code]["status"] = "cancelling"
    assert state_of(client, code) == "cancelling"


def test_a_hold_whose_time_is_up_offers_no_payment(client: Client, sites: Sites) -> None:
    code = hold(sites, minutes=-1)
    assert state_of(client, code) == "expiring"
    assert 'id="pay"' not in client.get(f"/orden/{code}").content.decode()


@pytest.mark.parametrize("typed", ["tf-0001-7k2m-9qxa", "TF0001 7K2M 9QXA", "TF-OOO1-7K2M-9QXA"])
def test_a_code_may_be_typed_carelessly(client: Client, sites: Sites, typed: str) -> None:
    code = hold(sites)
    assert client.get("/orden", {"code": typed})["Location"] == f"/orden/{code}"


def test_wrong_codes_are_404_and_after_many_the_address_has_to_wait(
    client: Client, sites: Sites, settings: Settings
) -> None:
    settings.WRONG_CODES_A_MINUTE = 3
    code = hold(sites)
    for number in range(3):
        assert client.get(f"/orden/TF-0000-0000-000{number}").status_code == 404
    response = client.get(f"/orden/{code}")
    assert response.status_code == 429
    assert "demasiados intentos" in response.content.decode()
    assert client.get(f"/orden/{code}", REMOTE_ADDR="10.9.9.9").status_code == 200


def test_a_forged_forwarded_address_does_not_escape_the_limit(client: Client, sites: Sites, settings: Settings) -> None:
    settings.WRONG_CODES_A_MINUTE, settings.NUM_PROXIES = 2, 1
    answers = [
        client.get("/orden/TF-0000-0000-0000", headers={"X-Forwarded-For": f"1.2.3.{n}, 5.6.7.8"}).status_code
        for n in range(3)
    ]
    assert answers == [404, 404, 429]


def test_test_cards_are_shown_only_by_setting(client: Client, sites: Sites, settings: Settings) -> None:
    code = hold(sites)
    settings.SHOW_TEST_CARDS = False
    assert "data-test-cards" not in client.get(f"/orden/{code}").content.decode()
    settings.SHOW_TEST_CARDS = True
    assert "data-test-cards" in client.get(f"/orden/{code}").content.decode()


def test_a_paid_order_survives_that_billing_is_down(client: Client, sites: Sites) -> None:
    code = hold(sites)
    sites.settle(code)
    sites.down.add("billing")
    assert state_of(client, code) == "confirmed"


def test_the_pdf_in_preparation_is_said_and_looked_for_again(client: Client, sites: Sites) -> None:
    sites.documents = "preparing"
    code = hold(sites, seats=1)
    sites.settle(code)
    html = client.get(f"/orden/{code}").content.decode()
    assert "PDF en preparación" in html
    assert "data-moving" in html


def test_an_order_of_which_every_ticket_was_refunded(client: Client, sites: Sites) -> None:
    code = hold(sites, seats=1)
    sites.settle(code)
    ticket = sites.orders[code]["tickets"][0]["external_id"]
    client.post(f"/orden/{code}/boleto/{ticket}/devolver", {"reason": ""})
    assert state_of(client, code) == "refunded"


def test_the_countdown_counts_from_the_servers_clock(client: Client, sites: Sites) -> None:
    code = hold(sites)
    found = re.search(r'data-expires-at="([^"]+)" data-now="([^"]+)"', client.get(f"/orden/{code}").content.decode())
    assert found
    left = datetime.fromisoformat(found[1]) - datetime.fromisoformat(found[2]).astimezone(ZONE)
    assert timedelta(0) < left <= timedelta(minutes=10)


@pytest.mark.parametrize(
    "answer", [(200, {}), (200, []), (200, b"x"), (404, b"<html>"), (401, {"code": "not_authenticated"})]
)
def test_strange_answers_of_billing_are_no_500(client: Client, sites: Sites, answer: tuple[int, object]) -> None:
    code = hold(sites)
    sites.scripted["GET", "/api/orders/"] = answer
    assert state_of(client, code) == "preparing"
    sites.scripted["POST", "/pay$"] = answer
    assert client.post(f"/orden/{code}/pagar", CARD).status_code == 302
