"""The gate's page on two telephones: with a network, without, and with it again."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.axe import violations
from tests.browser import ARGUMENTS, CHROMIUM, SIZES, tab_to
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


def film(path: Path, text: str, *, frames: int = 5) -> None:
    """What a camera sees that is held before a QR code: grey, without movement."""
    code, (wide, high) = segno.make(text, error="m", micro=False), (640, 480)
    modules = [bytearray(row) for row in code.matrix_iter(scale=400 // code.symbol_size()[0], border=4)]
    top, left = (high - len(modules)) // 2, (wide - len(modules[0])) // 2
    grey = bytearray(b"\xb4" * (wide * high))
    for number, row in enumerate(modules):
        at = (top + number) * wide + left
        grey[at : at + len(row)] = bytes(16 if dark else 235 for dark in row)
    frame = b"FRAME\n" + bytes(grey) + b"\x80" * (wide * high // 2)
    path.write_bytes(f"YUV4MPEG2 W{wide} H{high} F5:1 Ip A1:1 C420jpeg\n".encode() + frame * frames)


def test_the_camera_reads_a_code_with_the_bundled_decoder(world: World, browser: Browser, tmp_path: Path) -> None:
    event, (seat,) = world.make_event(seats=1)
    ticket = world.paid(seat)["tickets"][0]["external_id"]
    film(tmp_path / "camera.y4m", ticket)
    camera = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path / 'camera.y4m'}",
    ]
    with browser.browser_type.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *camera]) as with_camera:
        telephone = with_camera.new_context(viewport=SIZES["phone"], locale="es-CL", permissions=["camera"])
        telephone.set_default_timeout(DEADLINE)
        # Most telephones have a reader of their own; here it must be ours.
        telephone.add_init_script("delete window.BarcodeDetector")
        page = opened(telephone, world, event, "Norte")
        page.locator("#camera").click()
        page.locator("#answer[data-answer=in]").wait_for()
        assert page.evaluate("'BarcodeDetector' in window") is False
    rows = world.databases.billing_rows(f"select status from tickets_ticket where external_id = '{ticket}'")
    assert rows == [("USED",)]


def test_a_gate_is_opened_and_worked_by_keyboard_alone(world: World, browser: Browser) -> None:
    event, (seat,) = world.make_event(seats=1)
    ticket = world.paid(seat)["tickets"][0]["external_id"]
    context = browser.new_context(viewport=SIZES["desktop"], locale="es-CL")
    context.set_default_timeout(DEADLINE)
    page = context.new_page()
    page.goto(world.stack.url("billing", "/gate/"))
    page.locator("[name=username]").focus()
    page.keyboard.type(STAFF_RUT)
    page.keyboard.press("Tab")
    page.keyboard.type(STAFF_PASSWORD)
    page.keyboard.press("Enter")
    page.locator(f"#event option[value='{event}']").wait_for(state="attached")
    tab_to(page, "#event")
    page.keyboard.press("Home")
    for _option in range(page.locator("#event option").count()):
        if page.locator("#event").input_value() != str(event):
            page.keyboard.press("ArrowDown")
    expect(page.locator("#event")).to_have_value(str(event))
    tab_to(page, "#gate")
    page.keyboard.type("Sur")
    tab_to(page, "#setup-form button")
    page.keyboard.press("Enter")
    page.locator("[data-network=online][data-loaded=true]").wait_for()
    tab_to(page, "#text")
    page.keyboard.type(ticket)
    page.keyboard.press("Enter")
    page.locator("#answer[data-answer=in]").wait_for()
    # Its answer is spoken, and Escape or Enter goes on to the next.
    expect(page.locator("#spoken")).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(page.locator("#answer")).to_be_hidden()
    tab_to(page, "#change")
    page.keyboard.press("Enter")
    expect(page.locator("#setup")).to_be_visible()
    context.close()
