"""The gate's page on two telephones: with a network, without, and with it again."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.axe import violations
from tests.browser import SIZES
from tests.world import CARRIED_WITHIN, STAFF_PASSWORD, STAFF_RUT, World

DEADLINE = CARRIED_WITHIN * 1000


@pytest.fixture
def telephones(browser: Browser) -> Iterator[list[BrowserContext]]:
    found = [browser.new_context(viewport=SIZES["phone"], locale="es-CL", reduced_motion="reduce") for _ in range(2)]
    for telephone in found:
        telephone.set_default_timeout(DEADLINE)
    yield found
    for telephone in found:
        telephone.close()


def opened(telephone: BrowserContext, world: World, event: int, gate: str) -> Page:
    """A gate that has its list and would open again without a network."""
    page = telephone.new_page()
    page.goto(world.stack.url("billing", "/gate/"))
    page.fill("[name=username]", STAFF_RUT)
    page.fill("[name=password]", STAFF_PASSWORD)
    page.click("[type=submit]")
    page.locator(f"#event option[value='{event}']").wait_for(state="attached")
    page.select_option("#event", str(event))
    page.fill("#gate", gate)
    page.click("#setup-form .button-main")
    page.locator("[data-network=online][data-loaded=true]").wait_for()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    return page


def scanned(page: Page, text: str) -> str | None:
    """What the screen says when a hardware scanner types this."""
    page.evaluate("document.getElementById('answer').removeAttribute('data-answer')")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.locator("#answer[data-answer]").wait_for()
    return page.locator("#answer").get_attribute("data-answer")


def test_gates_go_on_without_a_network_and_what_went_in_twice_is_reported(
    world: World, telephones: list[BrowserContext]
) -> None:
    event, seats = world.make_event(seats=3)
    first, second, third = (ticket["external_id"] for ticket in world.paid(*seats)["tickets"])
    north, south = (opened(one, world, event, gate) for one, gate in zip(telephones, ("Norte", "Sur"), strict=True))
    assert violations(north) == []

    assert scanned(north, first) == "in"
    assert violations(north) == []
    assert scanned(south, first) == "already_used"
    assert scanned(north, f"NO-{uuid.uuid4().hex}") == "unknown"

    for telephone in telephones:
        telephone.set_offline(True)
    north.reload()
    north.locator("#gate-page:not([hidden]) [data-network=offline]").wait_for()
    assert scanned(north, second) == "in"
    assert scanned(north, second) == "already_used"
    assert scanned(north, first) == "already_used"
    assert scanned(south, second) == "in"
    assert scanned(south, third) == "in"

    for telephone in telephones:
        telephone.set_offline(False)
    for page in (north, south):
        page.locator("[data-network=online]").wait_for()
        page.locator("#unsent[data-unsent='0']").wait_for(state="attached")
        page.locator("#doubles[data-doubles='1']").wait_for()
        # Each hears of the other's entries the next time that it asks for the list.
        expect(page.locator("#admitted")).to_have_text("3", timeout=DEADLINE)

    ids = f"('{first}', '{second}', '{third}')"
    rows = world.databases.billing_rows(
        "select t.external_id, t.status, (select count(*) from tickets_admission a where a.ticket_id = t.id), "
        "(select count(*) from gate_entry e where e.ticket_id = t.id and e.outcome = 'double') "
        f"from tickets_ticket t where t.external_id in {ids}"
    )
    assert sorted(rows) == sorted([(first, "USED", 1, 0), (second, "USED", 1, 1), (third, "USED", 1, 0)])
    south.goto(world.stack.url("billing", "/gate/dobles/"))
    assert "Entró dos veces" in south.content()
