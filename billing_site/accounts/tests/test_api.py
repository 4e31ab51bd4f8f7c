"""The accounts over HTTP, from registering to a new password."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from billing_site.accounts.models import Person
from billing_site.conftest import bearer, service
from billing_site.documents.models import Mail
from billing_site.tickets.tests.factories import RUT, arrived_order, tickets_of

pytestmark = pytest.mark.django_db

PERSON = {
    "rut": "12.345.678-5",
    "full_name": "Ana Pérez",
    "email": "Ana@Example.cl",
    "password": "una-clave-larga-9",
}


def post(api: Client, path: str, body: Any, **headers: str) -> Any:
    return api.post(path, body, content_type="application/json", headers=headers)


def mailed(kind: str) -> str:
    mail = Mail.objects.filter(kind=kind).order_by("-id").first()
    assert mail is not None
    return str(mail.context["token"])


def test_from_registering_to_seeing_the_own_tickets(api: Client) -> None:
    order = arrived_order()
    answer = post(api, "/api/register", {**PERSON, "code": order.code.lower()}, **service())
    assert (answer.status_code, answer.json()["code"]) == (202, "mail_sent")
    opened = post(api, "/api/register/confirm", {"token": mailed("registration")}, **service()).json()
    assert opened["person"] == {
        "rut": RUT,
        "rut_display": "12.345.678-5",
        "full_name": "Ana Pérez",
        "email": "ana@example.cl",
        "verified": False,
    }
    token = {"Authorization": f"Bearer {opened['token']}"}
    assert api.get("/api/me", headers=token).json() == opened["person"]
    found = api.get("/api/tickets", headers=token).json()["results"]
    assert [row["external_id"] for row in found] == [tickets_of(order)[0].external_id]
    again = post(api, "/api/register/confirm", {"token": mailed("registration")})
    assert (again.status_code, again.json()["code"]) == (400, "link_used_or_old")


def test_who_came_second_is_told_to_show_the_identity_card(api: Client, make_person: Callable[..., Person]) -> None:
    make_person(RUT, email="bea@example.cl")
    post(api, "/api/register", PERSON)
    answer = post(api, "/api/register/confirm", {"token": mailed("registration")})
    assert (answer.status_code, answer.json()["code"]) == (409, "rut_taken")


def test_whether_there_is_an_account_is_told_to_nobody(api: Client, make_person: Callable[..., Person]) -> None:
    make_person(7, email="ana@example.cl")
    with_account = [
        post(api, "/api/register", PERSON),
        post(api, "/api/password/forgot", {"email": "ana@example.cl"}),
        post(api, "/api/login", {"rut": 7, "password": "wrong"}),
    ]
    without = [
        post(api, "/api/register", {**PERSON, "email": "eva@example.cl"}),
        post(api, "/api/password/forgot", {"email": "eva@example.cl"}),
        post(api, "/api/login", {"rut": 8, "password": "wrong"}),
    ]
    for one, other in zip(with_account, without, strict=True):
        assert (one.status_code, one.json()) == (other.status_code, other.json())


@pytest.mark.parametrize(
    "change",
    [
        {"rut": "12.345.678-9"},
        {"rut": 0},
        {"rut": True},
        {"email": "ana"},
        {"email": "a" * 250 + "@example.cl"},
        {"full_name": ""},
        {"password": "12345678"},
        {"password": ""},
    ],
)
def test_what_cannot_be_used_is_named(api: Client, change: dict[str, Any]) -> None:
    answer = post(api, "/api/register", {**PERSON, **change})
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == set(change)
    assert not Mail.objects.exists()


def test_one_mailbox_is_not_filled_with_mails(api: Client, make_person: Callable[..., Person]) -> None:
    make_person(RUT, email="ana@example.cl")
    codes = [post(api, "/api/password/forgot", {"email": "ana@example.cl"}).status_code for _ in range(6)]
    assert codes == [202] * 5 + [429]
    answer = post(api, "/api/password/forgot", {"email": "ANA@example.cl"})
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert int(answer["Retry-After"]) > 0
    assert post(api, "/api/password/forgot", {"email": "eva@example.cl"}).status_code == 202


def test_booking_codes_cannot_be_guessed(api: Client, make_person: Callable[..., Person]) -> None:
    person = make_person(RUT)
    order = arrived_order()
    codes = [post(api, "/api/claims", {"code": f"TF-{n}"}, **bearer(person)).status_code for n in range(11)]
    assert codes == [404] * 10 + [429]
    assert post(api, "/api/claims", {"code": order.code}, **bearer(person)).status_code == 429


def test_a_new_password_ends_the_old_token(api: Client, make_person: Callable[..., Person]) -> None:
    person = make_person(RUT, email="ana@example.cl")
    old = bearer(person)
    post(api, "/api/password/forgot", {"email": "ana@example.cl"})
    body = {"token": mailed("password_reset"), "password": "otra-clave-larga-7"}
    assert post(api, "/api/password/reset", {**body, "password": "corta"}).json()["code"] == "weak_password"
    fresh = post(api, "/api/password/reset", body)
    assert fresh.status_code == 200
    assert api.get("/api/me", headers=old).status_code == 401
    assert api.get("/api/me", headers={"Authorization": f"Bearer {fresh.json()['token']}"}).status_code == 200
    assert post(api, "/api/password/reset", body).status_code == 400


def test_a_sentence_for_people_is_spanish_unless_they_ask_for_another_language(api: Client) -> None:
    answer = post(api, "/api/login", {"rut": 8, "password": "wrong"})
    assert answer.json()["error"] == "RUT, correo o contraseña incorrectos"
