"""A new address: asked for with the password, confirmed by a mailed link, and the old one is told."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail as outgoing
from django.test import Client

from billing_site.accounts import limits
from billing_site.accounts.models import Person
from billing_site.accounts.tests.test_api import mailed, post
from billing_site.conftest import bearer
from billing_site.documents.jobs import send_due
from billing_site.documents.models import Mail
from billing_site.tickets.models import Order
from billing_site.tickets.tests.factories import RUT, arrived_order

pytestmark = pytest.mark.django_db
PASSWORD = "una-clave-larga-9"
NEW = "nueva@example.cl"


@pytest.fixture
def ana(make_person: Callable[..., Person]) -> Person:
    return make_person(RUT, email="ana@example.cl", password=PASSWORD)


def ask(api: Client, ana: Person, **change: Any) -> Any:
    return post(api, "/api/me/email", {"email": NEW, "password": PASSWORD} | change, **bearer(ana))


def test_the_new_address_is_taken_when_its_link_is_followed_and_the_old_one_is_told(api: Client, ana: Person) -> None:
    assert ask(api, ana, email="Nueva@Example.cl").status_code == 202
    ana.refresh_from_db()
    assert ana.email == "ana@example.cl"
    token = mailed("email_change")
    assert post(api, "/api/email/confirm", {"token": token}).json()["email"] == NEW
    ana.refresh_from_db()
    assert ana.email == NEW
    send_due()
    sent = {message.to[0]: message for message in outgoing.outbox}
    assert f"/cuenta/correo/{token}".replace(":", "%3A") in sent[NEW].body
    assert "n•••@example.cl" in sent["ana@example.cl"].body
    assert NEW not in sent["ana@example.cl"].body
    again = post(api, "/api/email/confirm", {"token": token})
    assert (again.status_code, again.json()["code"]) == (400, "link_used_or_old")
    assert Mail.objects.filter(kind="email_changed").count() == 1


def test_what_the_old_address_had_proven_stays_the_persons(api: Client, ana: Person) -> None:
    order = arrived_order(email="ana@example.cl")
    strangers = arrived_order(email="bea@example.cl")
    assert len(api.get("/api/tickets", headers=bearer(ana)).json()["results"]) == 1
    ask(api, ana)
    post(api, "/api/email/confirm", {"token": mailed("email_change")})
    found = api.get("/api/tickets", headers=bearer(ana)).json()["results"]
    assert [row["external_id"] for row in found] == [order.tickets.get().external_id]
    assert Order.objects.get(pk=strangers.pk).claimed_at is None


def test_without_the_password_nothing_is_mailed_and_guessing_ends(api: Client, ana: Person) -> None:
    for _time in range(limits.LOGIN_PAIR.times):
        answer = ask(api, ana, password="otra")
        assert (answer.status_code, answer.json()["code"]) == (400, "wrong_password")
        assert "password" in answer.json()["fields"]
        limits.Attempts.objects.filter(count__gt=limits.LOGIN_PAIR.times).delete()
    assert ask(api, ana).status_code == 429
    assert not Mail.objects.exists()


def test_the_address_of_another_account_is_not_given_away(
    api: Client, ana: Person, make_person: Callable[..., Person]
) -> None:
    make_person(7_654_321, email=NEW)
    free = ask(api, ana, email="libre@example.cl")
    taken = ask(api, ana)
    assert (free.status_code, free.json()) == (taken.status_code, taken.json())
    assert Mail.objects.get(to=NEW).kind == "already_registered"


def test_an_address_that_was_taken_meanwhile_is_refused(
    api: Client, ana: Person, make_person: Callable[..., Person]
) -> None:
    ask(api, ana)
    make_person(7_654_321, email=NEW)
    answer = post(api, "/api/email/confirm", {"token": mailed("email_change")})
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


def test_a_link_ends_with_the_password_and_another_kind_of_link_is_none(api: Client, ana: Person) -> None:
    ask(api, ana)
    post(api, "/api/password/forgot", {"email": "ana@example.cl"})
    for token in (mailed("password_reset"), "x"):
        assert post(api, "/api/email/confirm", {"token": token}).status_code == 400
    ana.set_password("otra-clave-larga-9")
    ana.save()
    assert post(api, "/api/email/confirm", {"token": mailed("email_change")}).status_code == 400


def test_the_same_address_and_nobody_are_refused(api: Client, ana: Person) -> None:
    answer = ask(api, ana, email="ana@example.cl")
    assert (answer.status_code, answer.json()["code"]) == (400, "same_address")
    assert post(api, "/api/me/email", {"email": NEW, "password": PASSWORD}).status_code == 401
