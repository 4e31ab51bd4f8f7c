"""A purchase by Webpay in Chromium: all programs with BILLING_GATEWAY=webpay, and a server that behaves like Webpay."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from billing_site.payments.tests.webpay_stand_in import API_KEY, COMMERCE_CODE, Webpay
from deploy.local.environments import Ports
from deploy.local.stack import Stack
from tests.end_to_end.test_pages import choose, does_not_scroll_sideways, status_is
from tests.world import World, until

# What no buyer needs would only take longer to start.
UNUSED = ["flower", "gateway", "ingress", "middleware"]


@pytest.fixture(scope="module")
def webpay() -> Iterator[Webpay]:
    with Webpay() as found:
        yield found


@pytest.fixture(scope="module")
def world(webpay: Webpay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A second system, whose payments go to Webpay. Embedded: on one RabbitMQ it would carry the other's messages."""
    billing = {
        "BILLING_GATEWAY": "webpay",
        "BILLING_WEBPAY_URL": webpay.url,
        "BILLING_WEBPAY_COMMERCE_CODE": COMMERCE_CODE,
        "BILLING_WEBPAY_API_KEY": API_KEY,
        "BILLING_GATEWAY_TIMEOUT_SECONDS": "2",
    }
    extra = {
        "billing": billing,
        "billing-jobs": billing,
        "reservations": {"RESERVATIONS_THROTTLE": "1000000/min"},
    }
    folder: Path = tmp_path_factory.mktemp("webpay")
    with Stack.embedded(folder, data="none", ports=Ports.free(), extra=extra, without=UNUSED) as stack:
        yield World(stack, None)


@pytest.fixture(autouse=True)
def _as_usual(webpay: Webpay) -> None:
    webpay.faults.clear()


def at_webpay(world: World, page: Page, webpay: Webpay) -> tuple[str, int]:
    """The buyer has chosen a seat and is at Webpay's page: the booking code, and what Webpay kept before."""
    event, seats = world.make_event(seats=2, price=25_000)
    code = choose(world, page, event, seats[0])
    status_is(page, "pending")
    does_not_scroll_sideways(page)
    kept = webpay.kept
    leave(page)
    return code, kept


def leave(page: Page) -> None:
    page.locator("#pay").click()
    page.wait_for_url(re.compile("initTransaction"))


def decide(page: Page, what: str) -> None:
    """The buyer presses one of the buttons of Webpay's page, and comes back."""
    page.locator(f"#{what}").click()
    page.wait_for_url(re.compile("/orden/"))


@pytest.mark.parametrize("returns_by", ["GET", "POST"])
def test_a_buyer_pays_at_webpay_and_has_the_ticket(world: World, page: Page, webpay: Webpay, returns_by: str) -> None:
    webpay.returns_by = returns_by
    code, kept = at_webpay(world, page, webpay)
    assert world.order(code)["status"] == "paying"
    decide(page, "agreed")
    status_is(page, "paid")
    expect(page.locator("[data-ticket-status=PAID]")).to_have_count(1)
    does_not_scroll_sideways(page)
    assert webpay.kept - kept == 25_000


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("aborted", "Anulaste el pago en Webpay"),
        ("refused", "La tarjeta fue rechazada"),
        ("timed-out", "Se acabó el tiempo en la página de Webpay"),
        ("failed", "La página de Webpay tuvo un problema"),
    ],
)
def test_a_buyer_who_did_not_pay_is_told_why_and_pays_then(
    world: World, page: Page, webpay: Webpay, what: str, said: str
) -> None:
    webpay.returns_by = "GET"
    code, kept = at_webpay(world, page, webpay)
    decide(page, what)
    status_is(page, "declined")
    expect(page.get_by_text(re.compile(said))).to_be_visible()
    expect(page.get_by_text(re.compile("No se cobró nada"))).to_be_visible()
    does_not_scroll_sideways(page)
    assert webpay.kept == kept
    leave(page)
    decide(page, "agreed")
    status_is(page, "paid")
    assert world.order(code)["status"] == "paid"
    assert webpay.kept - kept == 25_000


def test_a_buyer_who_went_back_finds_the_payment_open_and_goes_on(world: World, page: Page, webpay: Webpay) -> None:
    webpay.returns_by = "GET"
    code, kept = at_webpay(world, page, webpay)
    page.goto(world.stack.url("portal", f"/orden/{code}"))
    status_is(page, "at_form")
    does_not_scroll_sideways(page)
    page.locator("#to-webpay").click()
    page.wait_for_url(re.compile("initTransaction"))
    decide(page, "agreed")
    status_is(page, "paid")
    assert webpay.kept - kept == 25_000


def test_a_slow_webpay_becomes_the_ticket_by_itself(world: World, page: Page, webpay: Webpay) -> None:
    webpay.returns_by = "GET"
    _code, kept = at_webpay(world, page, webpay)
    webpay.faults |= {"commit": ["slow"], "status": ["slow", "500"]}
    decide(page, "agreed")
    status_is(page, "paying")
    expect(page.get_by_text(re.compile("no pagues de nuevo"))).to_be_visible()
    status_is(page, "paid")  # without a reload
    assert webpay.kept - kept == 25_000


def test_billing_is_silent_when_the_buyer_comes_back_and_the_page_asks_until_it_answers(
    world: World, page: Page, webpay: Webpay
) -> None:
    webpay.returns_by = "POST"
    _code, kept = at_webpay(world, page, webpay)
    with world.without("billing"):
        page.locator("#agreed").click()
        page.locator("[data-asks-again]").wait_for()
        expect(page.get_by_text(re.compile("No pagues de nuevo"))).to_be_visible()
        does_not_scroll_sideways(page)
    status_is(page, "paid")
    assert webpay.kept - kept == 25_000


def test_a_refund_goes_back_through_webpay(world: World, page: Page, webpay: Webpay) -> None:
    webpay.returns_by = "GET"
    _code, kept = at_webpay(world, page, webpay)
    decide(page, "agreed")
    status_is(page, "paid")
    page.locator("[data-refund]").first.click()
    page.locator("#refund").click()
    status_is(page, "refunded")
    until("the money is back", lambda: webpay.kept == kept)
