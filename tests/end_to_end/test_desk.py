"""The staff's desk in a browser: an order's story, a refund, dead letters; on a phone, on a desk, and by keyboard."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import amqp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from middleware_worker.contract.rut import format_rut
from tests.axe import violations
from tests.browser import SIZES
from tests.world import CARRIED_WITHIN, STAFF_PASSWORD, STAFF_RUT, World, until

DEADLINE = CARRIED_WITHIN * 1000
MAIL = "ana@example.com"


@pytest.fixture(scope="module")
def logged_in(browser: Browser, world: World) -> dict[str, Any]:
    """The session of a staff member, taken once: a password takes its time to be checked."""
    context = browser.new_context(locale="es-CL")
    page = context.new_page()
    page.set_default_timeout(DEADLINE)
    page.goto(world.stack.url("billing", "/admin/"))
    page.locator("[name=username]").fill(STAFF_RUT)
    page.locator("[name=password]").fill(STAFF_PASSWORD)
    page.locator("[type=submit]").first.click()
    page.locator("#search").wait_for()
    state: Any = context.storage_state()
    context.close()
    return state


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser, logged_in: dict[str, Any]) -> Iterator[Page]:
    """A page of a phone's size, then of a desk's."""
    expect.set_options(timeout=DEADLINE)
    context: BrowserContext = browser.new_context(
        viewport=SIZES[request.param], locale="es-CL", reduced_motion="reduce", storage_state=logged_in
    )
    found = context.new_page()
    found.set_default_timeout(DEADLINE)
    yield found
    context.close()


def is_well_made(page: Page) -> None:
    """The open page keeps to WCAG and does not scroll sideways."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []


def search(world: World, page: Page, text: str) -> None:
    page.goto(world.stack.url("billing", "/admin/"))
    page.locator("#search").fill(text)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/admin/.+"))


def send_outside(world: World, *bodies: bytes) -> None:
    with world.channel() as channel:
        for body in bodies:
            channel.basic_publish(amqp.Message(body), exchange="", routing_key="new_ticket")


def open_letters(world: World) -> list[dict[str, Any]]:
    return world.operator.call("GET", "/dead-letters").body["dead_letters"]


def test_the_start_page_shows_the_day_in_numbers_and_pictures(world: World, page: Page) -> None:
    _event, (seat,) = world.make_event(seats=1)
    world.paid(seat)
    page.goto(world.stack.url("billing", "/admin/"))
    expect(page.locator(".figures")).to_contain_text("Venta neta de hoy")
    expect(page.locator(".charts svg[role=img]")).to_have_count(3)
    page.locator(".numbers summary").first.click()
    expect(page.locator(".numbers[open] tbody tr").first).to_be_visible()
    is_well_made(page)


def test_a_customer_is_found_and_refunded_after_a_preview_and_the_story_tells_it(world: World, page: Page) -> None:
    event, seats = world.make_event(seats=2, price=25_000)
    code = world.paid(*seats, email=MAIL)["code"]
    search(world, page, code.lower())
    expect(page.locator("h1")).to_contain_text(code)
    is_well_made(page)
    page.locator("#refund").click()
    expect(page.locator(".will")).to_contain_text("$50.000 vuelven a la tarjeta terminada en 1111")
    expect(page.locator(".will")).to_contain_text(f"a {MAIL}")
    is_well_made(page)
    assert {ticket["status"] for ticket in world.order(code)["tickets"]} == {"PAID"}
    page.locator("[name=reason]").fill("Enfermedad")
    page.locator("[name=confirmed]").click()
    expect(page.locator(".badge-good").first).to_be_visible()
    is_well_made(page)
    world.order_is(code, "refunded")
    for seat in seats:
        world.seat_is(event, seat, "available")
    world.at_rest()
    search(world, page, code)
    story = page.locator("[aria-labelledby=story-title]")
    for words in ("Asientos reservados", "Pago cobrado", "Boleto reembolsado", "Enfermedad", "Dinero devuelto",
                  "Reservas confirmó el aviso", "Correo enviado"):  # fmt: skip
        expect(story).to_contain_text(words)
    is_well_made(page)


def test_a_lost_mail_is_sent_again(world: World, page: Page) -> None:
    _event, (seat,) = world.make_event(seats=1)
    code = world.held(seat, email=MAIL)["code"]
    world.arrived(code)

    search(world, page, code)

    def sent() -> bool:
        page.reload()
        return page.locator("[data-again=order_received]").count() > 0

    until("the mail is sent", sent)
    page.locator("[data-again=order_received]").first.click()
    expect(page.locator(".messagelist")).to_contain_text("El correo se envía otra vez")
    expect(page.locator("[aria-labelledby=mails-title] tbody tr")).to_have_count(2)
    is_well_made(page)


def test_dead_letters_are_asked_about_then_replayed_or_discarded(world: World, page: Page) -> None:
    ours = uuid.uuid4().hex
    send_outside(world, f"{ours} one".encode(), f"{ours} two".encode())
    until("two dead letters", lambda: sum(ours in letter["body"] for letter in open_letters(world)) == 2)
    page.goto(world.stack.url("billing", "/admin/dead_letters/deadletter/?status__exact=open&code=not_json"))
    expect(page.locator("#result_list")).to_contain_text("No es JSON")
    for box in page.locator("#result_list [name=_selected_action]").all():
        box.check()
    page.locator("[name=action]").select_option("discard")
    page.locator("button[name=index]").click()
    expect(page.locator("h1")).to_contain_text("Descartar mensajes")
    is_well_made(page)
    assert sum(ours in letter["body"] for letter in open_letters(world)) == 2
    page.locator("[name=confirmed]").click()
    expect(page.locator(".messagelist")).to_contain_text("descartados")
    assert not any(ours in letter["body"] for letter in open_letters(world))


def test_the_picture_of_queues_and_workers_says_that_all_is_well(world: World, page: Page) -> None:
    page.goto(world.stack.url("billing", "/admin/carriage/"))
    expect(page.locator("[data-verdict=good]")).to_be_visible()
    expect(page.locator(".stop")).to_have_count(15)
    is_well_made(page)


CANCEL = """
from reservations_site.events.models import Event
from reservations_site.events.services import cancel_event
cancel_event(event=Event.objects.get(pk={event}), reason="Lluvia", by="prueba")
"""


def test_a_whole_event_is_refunded_paused_and_resumed_and_its_progress_is_watched(world: World, page: Page) -> None:
    event, seats = world.make_event(seats=4, price=10_000)
    codes = [world.paid(seat, email=MAIL)["code"] for seat in seats[:3]]
    unpaid = world.held(seats[3])["code"]
    world.arrived(unpaid)
    name = world.order(unpaid)["event"]
    page.goto(world.stack.url("billing", "/admin/event-refunds/"))
    value = page.locator("#id_event option", has_text=name).get_attribute("value")
    page.locator("#id_event").select_option(value)
    page.locator("#id_event").press("Enter")
    page.locator("form.filters button").click()
    expect(page.locator(".figure-strong")).to_contain_text("$30.000")
    expect(page.get_by_text("en venta", exact=True)).to_be_visible()
    is_well_made(page)
    page.locator("[name=reason]").fill("Lluvia")
    page.locator("[name=sure]").check()
    page.locator(".button-danger").click()
    # Nothing is paid back while it can still be bought.
    expect(page.locator("[data-state=closing] progress")).to_be_visible()
    page.locator("[value=pause]").click()
    expect(page.locator("[data-state=paused]")).to_be_visible()
    is_well_made(page)
    world.stack.manage("reservations", "shell", "-v0", "-c", CANCEL.format(event=event))
    assert {world.order(code)["status"] for code in codes} == {"paid"}
    page.locator("[value=resume]").click()
    expect(page.locator("[data-state=done]")).to_be_visible()
    expect(page.locator("progress")).to_have_attribute("value", "100")
    expect(page.locator(".figure-strong")).to_contain_text("$30.000")
    is_well_made(page)
    for code in codes:
        world.order_is(code, "refunded")
    world.order_is(unpaid, "expired")
    world.at_rest()


def test_somebody_without_an_account_who_shows_an_identity_card_is_linked_by_hand(world: World, page: Page) -> None:
    _event, (seat,) = world.make_event(seats=1)
    rut = world.new_rut()
    code = world.paid(seat, rut=rut)["code"]
    search(world, page, format_rut(rut))
    if "/change/" not in page.url:
        page.locator("#content a[href*='/accounts/person/'][href*='/change/']").first.click()
    expect(page.get_by_text("sin registrar").first).to_be_visible()
    expect(page.locator("table.sums")).to_contain_text(code)
    page.get_by_role("link", name="Mostró su cédula").click()
    is_well_made(page)
    page.get_by_role("button", name="Verificar la identidad").click()
    expect(page.get_by_text(re.compile("verificada")).first).to_be_visible()
    is_well_made(page)


def test_a_refund_by_keyboard_alone(world: World, page: Page) -> None:
    event, (seat,) = world.make_event(seats=1, price=12_000)
    code = world.paid(seat)["code"]
    page.goto(world.stack.url("billing", "/admin/"))
    tab_to(page, "#search")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/tickets/order/"))
    tab_to(page, "#refund")
    page.keyboard.press("Enter")
    # The reason's field waits for the cursor already.
    page.locator("[name=reason]").wait_for()
    tab_to(page, "[name=reason]")
    page.keyboard.type("Por teclado")
    tab_to(page, "[name=confirmed]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Resultado")
    world.order_is(code, "refunded")
    world.seat_is(event, seat, "available")


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the element has the focus; each stop on the way can be seen."""
    for _ in range(120):
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
        seen = "document.activeElement === document.body || document.activeElement.getClientRects().length > 0"
        assert page.evaluate(seen)
    raise AssertionError(f"{selector} cannot be reached with the keyboard")
