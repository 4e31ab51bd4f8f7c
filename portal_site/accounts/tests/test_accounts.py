"""Registration, login, passwords, claims, and a person's tickets."""

import pytest
from django.conf import settings as configured
from django.test import Client

from portal_site.clients.tests.fakes import Sites

pytestmark = pytest.mark.django_db
PASSWORD = "clave-larga-9"
NEW = {"rut": "11.111.111-1", "full_name": "Ana Nueva", "email": "ana@example.cl", "password": PASSWORD}


@pytest.fixture
def ana(sites: Sites) -> str:
    return sites.add_person(12345678, "Ana Pérez", "ana@example.cl", PASSWORD)


def log_in(client: Client, who: str = "ana@example.cl", **more: str) -> str:
    return client.post("/cuenta/entrar", {"who": who, "password": PASSWORD, **more}).headers.get("Location", "")


def paid_order(sites: Sites, *, rut: int = 12345678, seat: int = 0) -> str:
    code = sites.hold([sites.seats[1][seat]], rut=rut)
    sites.settle(code)
    return code


@pytest.mark.parametrize("who", ["ana@example.cl", "12.345.678-5", "123456785"])
def test_login_by_rut_or_mail_leads_to_the_tickets(client: Client, ana: str, who: str) -> None:
    assert log_in(client, who) == "/mis-boletos"
    assert "Ana Pérez" in client.get("/mis-boletos").content.decode()


def test_login_changes_the_session_key_and_the_token_stays_on_the_server(
    client: Client, sites: Sites, ana: str
) -> None:
    session = client.session
    session["orders"] = []
    session.save()
    before = session.session_key
    client.cookies[configured.SESSION_COOKIE_NAME] = before
    log_in(client)
    assert client.session.session_key != before
    assert client.session["token"] == ana
    page = client.get("/mis-boletos")
    assert ana not in page.content.decode()
    assert all(ana not in cookie.value for cookie in client.cookies.values())


def test_a_wrong_password_says_the_same_as_an_unknown_person(client: Client, ana: str) -> None:
    said = [
        client.post("/cuenta/entrar", form).content.decode().partition('role="alert">')[2].partition("<")[0]
        for form in ({"who": "ana@example.cl", "password": "x"}, {"who": "nadie@example.cl", "password": "x"})
    ]
    assert said[0] == said[1] != ""


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "http:evil"])
def test_login_leads_to_no_other_site(client: Client, ana: str, target: str) -> None:
    assert log_in(client, next=target) == "/mis-boletos"


def test_login_leads_back_to_the_page_that_asked_for_it(client: Client, ana: str) -> None:
    wanted = client.get("/boleto/TF-abc")["Location"]
    assert wanted == "/cuenta/entrar?next=%2Fboleto%2FTF-abc"
    assert log_in(client, next="/boleto/TF-abc") == "/boleto/TF-abc"


def test_orders_of_this_browser_are_claimed_at_login(client: Client, sites: Sites, ana: str) -> None:
    buyer = {"rut": "12.345.678-5", "name": "Ana", "email": "ana@example.cl", "seat": ["10001"]}
    code = client.post("/evento/1", buyer)["Location"].removeprefix("/orden/")
    log_in(client)
    assert sites.claimed[ana] == [code]
    assert sites.calls[-1].headers["authorization"] == f"Bearer {ana}"
    assert sites.calls[-1].headers["x-service"].startswith("Service ")


def test_a_claim_that_fails_does_not_stop_the_login(client: Client, sites: Sites, ana: str) -> None:
    session = client.session
    session["orders"] = ["TF-9999-9999-9999"]
    session.save()
    client.cookies[configured.SESSION_COOKIE_NAME] = session.session_key
    assert log_in(client) == "/mis-boletos"


def test_the_token_is_never_sent_to_reservations(client: Client, sites: Sites, ana: str) -> None:
    log_in(client)
    client.get("/evento/1")
    for call in sites.calls:
        if call.site == "reservations":
            assert "Bearer" not in str(call.headers)


def test_logging_out_leaves_nothing_behind(client: Client, ana: str) -> None:
    log_in(client)
    client.post("/cuenta/salir")
    assert dict(client.session) == {}
    assert "Ana Pérez" not in client.get("/mis-boletos").content.decode()


def test_logging_out_needs_a_post(client: Client, ana: str) -> None:
    log_in(client)
    assert client.get("/cuenta/salir").status_code == 405


def test_a_token_that_ran_out_leads_to_the_login(client: Client, sites: Sites, ana: str) -> None:
    log_in(client)
    sites.people.clear()
    response = client.get("/mis-boletos")
    assert response["Location"] == "/cuenta/entrar?next=%2Fmis-boletos"
    assert "token" not in client.session


def test_my_tickets_show_state_qr_and_pdf_of_my_own_only(client: Client, sites: Sites, ana: str) -> None:
    mine, others = paid_order(sites), paid_order(sites, rut=5555555, seat=5)
    sites.claimed[ana] = [mine]
    log_in(client)
    html = client.get("/mis-boletos").content.decode()
    assert sites.orders[mine]["tickets"][0]["external_id"] in html
    assert sites.orders[others]["tickets"][0]["external_id"] not in html
    assert 'data-ticket-status="PAID"' in html
    assert "data-qr" in html
    assert "data-pdf" in html


def test_my_tickets_are_friendly_while_billing_is_down(client: Client, sites: Sites, ana: str) -> None:
    log_in(client)
    sites.down.add("billing")
    response = client.get("/mis-boletos")
    assert response.status_code == 503
    assert "Están a salvo" in response.content.decode()


def test_two_browsers_do_not_see_each_others_orders(client: Client, sites: Sites) -> None:
    buyer = {"rut": "12.345.678-5", "name": "Ana", "email": "ana@example.cl", "seat": ["10001"]}
    code = client.post("/evento/1", buyer)["Location"].removeprefix("/orden/")
    assert code in client.get("/mis-boletos").content.decode()
    assert code not in Client().get("/mis-boletos").content.decode()


def test_registering_asks_for_a_mail_and_says_so(client: Client, sites: Sites) -> None:
    response = client.post("/cuenta/registro", {**NEW, "code": ""})
    assert response.status_code == 202
    assert "Revisa tu correo" in response.content.decode()
    assert sites.calls[-1].body == {
        "rut": 11111111,
        "full_name": "Ana Nueva",
        "email": "ana@example.cl",
        "password": PASSWORD,
    }
    assert sites.calls[-1].headers["idempotency-key"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rut": "11.111.111-2"}, "Este RUT no es válido"),
        ({"email": "ana"}, "Este correo no parece completo"),
        ({"password": "corta"}, "al menos 8 caracteres"),
        ({"full_name": ""}, "Escribe tu nombre"),
    ],
)
def test_registration_names_the_wrong_field(client: Client, sites: Sites, wrong: dict[str, str], said: str) -> None:
    response = client.post("/cuenta/registro", NEW | wrong)
    assert response.status_code == 400
    assert said in response.content.decode()
    assert not sites.calls


def test_what_billing_says_of_a_field_stands_beside_it(client: Client, sites: Sites) -> None:
    refusal = {"error": "Datos inválidos", "code": "weak_password", "fields": {"password": ["Es demasiado común."]}}
    sites.scripted["POST", "/api/register"] = (400, refusal)
    html = client.post("/cuenta/registro", NEW).content.decode()
    assert 'id="id_password_error">Es demasiado común.' in html


def test_a_password_never_comes_back_in_a_page(client: Client) -> None:
    assert PASSWORD not in client.post("/cuenta/registro", NEW | {"rut": "x"}).content.decode()


def test_opening_the_mailed_link_confirms_nothing_by_itself(client: Client, sites: Sites) -> None:
    assert 'id="confirm"' in client.get("/cuenta/confirmar/abc").content.decode()
    assert not sites.calls


def test_confirming_logs_in(client: Client, sites: Sites) -> None:
    assert client.post("/cuenta/confirmar/abc")["Location"] == "/mis-boletos"
    assert "Ana Nueva" in client.get("/mis-boletos").content.decode()


@pytest.mark.parametrize(("status", "said"), [(400, "Este enlace ya no sirve"), (409, "Este RUT ya tiene una cuenta")])
def test_a_link_that_does_not_open_an_account_says_why(client: Client, sites: Sites, status: int, said: str) -> None:
    sites.scripted["POST", "/confirm$"] = (status, {"error": "Este RUT ya tiene una cuenta", "code": "x"})
    response = client.post("/cuenta/confirmar/used")
    assert response.status_code == status
    assert said in response.content.decode()


def test_a_forgotten_password_is_answered_the_same_for_everybody(client: Client, sites: Sites, ana: str) -> None:
    pages = [
        client.post("/cuenta/clave-olvidada", {"email": email})
        .content.decode()
        .partition("<main")[2]
        .partition("</main")[0]
        for email in ("ana@example.cl", "nadie@example.cl")
    ]
    assert pages[0] == pages[1]


def test_a_new_password_leads_to_the_login(client: Client, sites: Sites) -> None:
    response = client.post("/cuenta/clave/abc", {"password": "otra-clave-larga"})
    assert response["Location"] == "/cuenta/entrar"
    assert sites.calls[-1].body == {"token": "abc", "password": "otra-clave-larga"}


def test_claiming_by_code_links_the_order(client: Client, sites: Sites, ana: str) -> None:
    code = paid_order(sites)
    log_in(client)
    assert client.post("/cuenta/reclamar", {"code": code.lower()})["Location"] == "/mis-boletos"
    assert sites.claimed[ana] == [code]


def test_claiming_an_unknown_code_says_so(client: Client, ana: str) -> None:
    log_in(client)
    response = client.post("/cuenta/reclamar", {"code": "TF-XXXX-XXXX-XXXX"})
    assert response.status_code == 400
    assert "No encontramos boletos tuyos" in response.content.decode()


def test_claiming_needs_a_login(client: Client) -> None:
    assert client.get("/cuenta/reclamar")["Location"].startswith("/cuenta/entrar")


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("/cuenta/registro", NEW),
        ("/cuenta/entrar", {"who": "ana@example.cl", "password": PASSWORD}),
        ("/cuenta/clave-olvidada", {"email": "ana@example.cl"}),
        ("/cuenta/clave/abc", {"password": PASSWORD}),
        ("/cuenta/confirmar/abc", {}),
    ],
)
def test_accounts_are_friendly_while_billing_is_down_or_throttles(
    client: Client, sites: Sites, address: str, form: dict[str, str]
) -> None:
    sites.down.add("billing")
    response = client.post(address, form)
    assert response.status_code == 503
    assert "Inténtalo de nuevo" in response.content.decode()
    sites.down.clear()
    sites.scripted["POST", "/api/"] = (429, {"error": "espere", "code": "throttled"})
    response = client.post(address, form)
    assert response.status_code == 429
    assert "demasiados intentos" in response.content.decode()


def test_a_person_logged_in_finds_her_data_in_the_buyers_form(client: Client, ana: str) -> None:
    log_in(client)
    html = client.get("/evento/1").content.decode()
    assert 'value="12.345.678-5"' in html
    assert 'value="ana@example.cl"' in html


def test_a_new_address_is_asked_for_with_the_password_and_confirmed_by_its_link(
    client: Client, sites: Sites, ana: str
) -> None:
    log_in(client)
    assert "ana@example.cl" in client.get("/cuenta").content.decode()
    wrong = client.post("/cuenta", {"email": "nueva@example.cl", "password": "otra"})
    assert wrong.status_code == 400
    assert "La contraseña no es correcta" in wrong.content.decode()
    asked = client.post("/cuenta", {"email": "nueva@example.cl", "password": PASSWORD})
    assert asked.status_code == 202
    assert "nueva@example.cl" in asked.content.decode()
    link = f"/cuenta/correo/link-of-{ana}"
    assert client.get(link).status_code == 200
    assert sites.people[ana]["person"]["email"] == "ana@example.cl"
    assert "nueva@example.cl" in client.post(link, follow=True).content.decode()
    assert sites.people[ana]["person"]["email"] == "nueva@example.cl"
    assert client.post(link).status_code == 400


def test_the_account_needs_a_login(client: Client) -> None:
    assert client.get("/cuenta")["Location"].startswith("/cuenta/entrar?next=")


def test_logging_out_has_the_browser_forget_the_tickets_it_keeps(client: Client, ana: str) -> None:
    log_in(client)
    assert client.post("/cuenta/salir")["Clear-Site-Data"] == '"storage"'
