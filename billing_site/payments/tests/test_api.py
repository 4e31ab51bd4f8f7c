"""Paying over HTTP: every outcome has its status and its word."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from billing_site.accounts.models import Person
from billing_site.conftest import bearer, service
from billing_site.payments import services as payments
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.tests.fakes import UNREACHABLE, FakeGateway
from billing_site.tickets.models import Order
from billing_site.tickets.tests.factories import RUT, arrived_order

pytestmark = pytest.mark.django_db


def post(api: Client, path: str, body: Any = None, **headers: str) -> Any:
    return api.post(path, body or {}, content_type="application/json", headers=headers)


CARD = {"card_number": "4111 1111 1111 1111", "card_expiry": "12/30", "card_cvv": "123"}


def pay(api: Client, order: Order, key: str = "k", **changes: str) -> Any:
    headers = {**service(), "Idempotency-Key": key}
    return post(api, f"/api/orders/{order.code}/pay", {**CARD, **changes}, **headers)


def test_a_captured_payment_answers_with_the_order(api: Client, gateway: FakeGateway) -> None:
    order = arrived_order()
    for _ in range(2):
        response = pay(api, order)
        assert (response.status_code, response.json()["status"]) == (200, "paid")
    assert gateway.captured == 5000


def test_each_other_outcome_has_its_status_and_its_word(api: Client, gateway: FakeGateway) -> None:
    order = arrived_order()
    found = [pay(api, order, "a", card_number=simulator.DECLINES)]
    found.append(pay(api, order, "b", card_number=UNREACHABLE))
    found.append(pay(api, order, "c", card_number=simulator.SLOW))
    found.append(pay(api, order, "d"))
    assert [(r.status_code, r.json()["code"]) for r in found] == [
        (402, "declined"), (503, "unavailable"), (202, "unknown"), (409, "payment_open"),
    ]  # fmt: skip
    assert found[1]["Retry-After"]
    shown = api.get(f"/api/orders/{order.code}", headers=service()).json()
    assert (shown["status"], shown["payment"]["status"]) == ("paying", "unknown")
    done = arrived_order()
    payments.pay(order=done, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    response = pay(api, done)
    assert (response.status_code, response.json()["code"], response.json()["order_status"]) == (
        409, "not_pending", "paid",
    )  # fmt: skip


def test_the_holder_of_an_order_may_pay_it_and_nobody_else(
    api: Client, gateway: FakeGateway, make_person: Callable[..., Person]
) -> None:
    order = arrived_order(email="p12345678@example.cl")
    thief = make_person(7)
    path = f"/api/orders/{order.code}/pay"
    assert post(api, path, CARD, **bearer(thief)).status_code == 404
    assert post(api, path, CARD, **bearer(make_person(RUT))).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"card_number": ""},
        {"card_number": "1" * 25},
        {"card_number": None},
        {"card_expiry": "13/30"},
        {"card_cvv": "1"},
    ],
)
def test_what_is_no_card_is_refused_before_anything_happens(
    api: Client, gateway: FakeGateway, change: dict[str, str]
) -> None:
    response = pay(api, arrived_order(), **change)
    assert response.status_code == 400
    assert set(response.json()["fields"]) == set(change)
    assert gateway.calls == []
