"""What a buyer is told about the money when a payment goes wrong, on a phone: and that it is charged once at most."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.test_pages import choose, does_not_scroll_sideways, pay, status_is
from tests.world import DECLINED, DIES_AFTER_CAPTURE, SLOW, World

PRICE = 25_000
DO_NOT_PAY_AGAIN = re.compile("no pagues de nuevo")
NOTHING_CHARGED = re.compile("No se cobró nada")


def ready_to_pay(world: World, page: Page) -> str:
    """The buyer has chosen a seat and sees the form for the card; the booking code."""
    event, seats = world.make_event(seats=1, price=PRICE)
    code = choose(world, page, event, seats[0])
    status_is(page, "pending")
    return code


def charges(world: World, code: str) -> list[str]:
    """What billing knows of each payment of an order."""
    rows = world.databases.billing_rows(
        "select p.status from payments_paymentattempt p join tickets_order o on o.id = p.order_id "
        f"where o.code = '{code}' order by p.id"
    )
    return [status for (status,) in rows]


def test_a_declined_card_costs_nothing_and_the_next_one_pays(world: World, page: Page) -> None:
    code = ready_to_pay(world, page)
    pay(page, DECLINED)
    status_is(page, "declined")
    expect(page.get_by_role("alert").filter(has_text="La tarjeta fue rechazada")).to_be_visible()
    expect(page.get_by_text(NOTHING_CHARGED)).to_be_visible()
    does_not_scroll_sideways(page)
    pay(page)
    status_is(page, "paid")
    assert charges(world, code) == ["declined", "captured"]
    world.at_rest()


@pytest.mark.parametrize("card", [SLOW, DIES_AFTER_CAPTURE], ids=["slow", "answer-lost"])
def test_an_unknown_outcome_says_so_and_becomes_the_ticket_by_itself(world: World, page: Page, card: str) -> None:
    code = ready_to_pay(world, page)
    with world.without("billing-jobs"):
        pay(page, card)
        status_is(page, "paying")
        expect(page.get_by_text(DO_NOT_PAY_AGAIN)).to_be_visible()
        expect(page.locator("#pay")).to_have_count(0)
        does_not_scroll_sideways(page)
        page.evaluate("window.same = true")
    status_is(page, "paid")
    assert page.evaluate("window.same"), "without a reload"
    assert charges(world, code) == ["captured"]
    world.at_rest()


def test_a_gateway_that_nobody_reaches_costs_nothing_and_the_next_attempt_pays(world: World, page: Page) -> None:
    code = ready_to_pay(world, page)
    with world.without("gateway"):
        pay(page)
        status_is(page, "declined")
        expect(page.get_by_text("El sistema de pagos no respondió")).to_be_visible()
        expect(page.get_by_text(NOTHING_CHARGED)).to_be_visible()
    pay(page)
    status_is(page, "paid")
    assert charges(world, code).count("captured") == 1
    world.at_rest()


def test_billing_is_down_when_the_buyer_pays_and_the_page_goes_on_by_itself(world: World, page: Page) -> None:
    code = ready_to_pay(world, page)
    with world.without("billing"):
        pay(page)
        status_is(page, "paying")
        expect(page.get_by_text(DO_NOT_PAY_AGAIN)).to_be_visible()
        does_not_scroll_sideways(page)
    # Nothing had arrived: the buyer may pay now.
    status_is(page, "pending")
    pay(page)
    status_is(page, "paid")
    assert charges(world, code) == ["captured"]
    world.at_rest()
