"""A buyer's stories in Chromium on the running system, on a phone with a touch screen and on a desk."""

import re

from playwright.sync_api import Page, expect

from middleware_worker.contract.rut import format_rut
from tests.browser import on_desk, tab_to
from tests.buyer import PASSWORD, enter, mailed_link, make_buyer
from tests.world import World, until

NEW_PASSWORD = "otra-clave-larga-7"


@on_desk
def test_a_whole_purchase_by_keyboard_alone(world: World, page: Page) -> None:
    event, _seats = world.make_event(seats=5, rows=2)
    page.goto(world.stack.url("portal", f"/evento/{event}"))
    page.locator(".seatmap[data-ready]").wait_for()
    tab_to(page, ".seatmap input")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator("#chosen li")).to_have_count(1)
    fields = {"rut": format_rut(world.new_rut()), "name": "Ana Ñuñoa", "email": "ana@example.com"}
    for name, text in fields.items():
        tab_to(page, f"[name={name}]")
        page.keyboard.type(text)
    tab_to(page, "#reserve")
    page.keyboard.press("Enter")
    page.locator("[data-order-status=pending]").wait_for()
    for name, text in {"card_number": "4111 1111 1111 1111", "card_expiry": "12/30", "card_cvv": "123"}.items():
        tab_to(page, f"[name={name}]")
        page.keyboard.type(text)
    tab_to(page, "#pay")
    page.keyboard.press("Enter")
    page.locator("a[data-pdf]").wait_for()
    tab_to(page, "[data-qr]")
    page.keyboard.press("Enter")
    expect(page.locator("#qr-full")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#qr-full")).to_be_hidden()
    tab_to(page, "[data-refund]")
    world.at_rest()


def test_a_ticket_bought_without_account_is_claimed_by_its_code(world: World, page: Page) -> None:
    buyer = make_buyer(world)
    _event, (seat,) = world.make_event(seats=1)
    code = world.paid(seat, rut=buyer.rut)["code"]
    enter(world, page, buyer)
    page.goto(world.stack.url("portal", "/mis-boletos"))
    expect(page.locator("[data-ticket-id]")).to_have_count(0)
    page.goto(world.stack.url("portal", "/cuenta/reclamar"))
    page.locator("[name=code]").fill(code.lower().replace("-", " "))
    page.locator("#claim").click()
    expect(page.locator("[data-ticket-status=PAID]")).to_be_visible()


def test_a_forgotten_password_is_replaced_by_mail(world: World, page: Page) -> None:
    buyer = make_buyer(world)
    page.goto(world.stack.url("portal", "/cuenta/clave-olvidada"))
    page.locator("[name=email]").fill(buyer.email)
    page.locator("#forgot").click()
    page.goto(world.stack.url("portal", mailed_link(world, buyer.email, "/cuenta/clave/")))
    page.locator("[name=password]").fill(NEW_PASSWORD)
    page.locator("form button.wide").click()
    page.locator("[name=who]").fill(buyer.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("#login").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("[name=password]").fill(NEW_PASSWORD)
    page.locator("#login").click()
    expect(page.locator("#logout")).to_be_visible()


def test_a_new_address_counts_once_its_link_was_followed_and_the_old_one_is_told(world: World, page: Page) -> None:
    buyer = make_buyer(world)
    new = f"nueva{buyer.rut}@example.com"
    enter(world, page, buyer)
    page.goto(world.stack.url("portal", "/cuenta"))
    page.locator("[name=email]").first.fill(new)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("#change-email").click()
    expect(page.get_by_text(new)).to_be_visible()
    page.goto(world.stack.url("portal", "/cuenta"))
    expect(page.locator("[data-email]")).to_have_text(buyer.email)
    page.goto(world.stack.url("portal", mailed_link(world, new, "/cuenta/correo/")))
    page.locator("#confirm").click()
    page.goto(world.stack.url("portal", "/cuenta"))
    expect(page.locator("[data-email]")).to_have_text(new)
    mails = world.stack.environments.mail
    until("a mail to the old address", lambda: any(f"To: {buyer.email}" in f.read_text() for f in mails.glob("*")))
    page.locator("#logout").click()
    enter(world, page, buyer._replace(email=new))


def test_a_ticket_in_preparation_turns_into_the_ticket_by_itself(world: World, page: Page) -> None:
    _event, (seat,) = world.make_event(seats=1)
    with world.without("billing-jobs"):
        order = world.paid(seat)
        ticket = order["tickets"][0]["external_id"]
        page.goto(world.stack.url("portal", f"/orden/{order['code']}/boleto/{ticket}"))
        expect(page.locator("[data-pdf-preparing]")).to_be_visible()
        page.evaluate("window.same = true")
    expect(page.locator("a[data-pdf]")).to_be_visible()
    assert page.evaluate("window.same"), "without a reload"


def test_a_code_fills_the_screen_and_opens_without_a_network_once_it_was_seen(world: World, page: Page) -> None:
    _event, seats = world.make_event(seats=2)
    order = world.paid(*seats)
    page.goto(world.stack.url("portal", f"/orden/{order['code']}"))
    page.locator("[data-qr]").first.click()
    full = page.locator("#qr-full")
    expect(full).to_have_css("background-color", "rgb(255, 255, 255)")
    box = full.locator("svg").bounding_box()
    assert box["width"] > 300
    expect(page.locator("#qr-full-count")).to_have_text("1 / 2")
    first = page.locator("#qr-full-seat").inner_text()
    full.locator("[data-turn='1']").click()
    expect(page.locator("#qr-full-seat")).not_to_have_text(first)
    full.locator("[data-close]").click()
    page.wait_for_function(
        "async () => navigator.serviceWorker.controller && await caches.match(location.href)"
        " && await caches.match(document.scripts[document.scripts.length - 1].src)"
    )
    with world.without("portal"):
        page.reload()
        expect(page.locator("[data-qr]")).to_have_count(2)
        page.locator("[data-qr]").first.click()
        expect(full).to_be_visible()


def test_a_refund_says_what_became_of_the_money(world: World, page: Page) -> None:
    event, (seat,) = world.make_event(seats=1)
    order = world.paid(seat)
    page.goto(world.stack.url("portal", f"/orden/{order['code']}"))
    page.locator("[data-refund]").click()
    page.locator("#refund").click()
    expect(page.locator("[data-money]")).to_contain_text(re.compile("Devolvimos .* terminada en 1111"))
    expect(page.locator("[data-ticket-status=REFUNDED]")).to_be_visible()
    world.seat_is(event, seat, "available")
    world.at_rest()


def test_the_best_seats_of_a_section_are_taken_by_their_number_alone(world: World, page: Page) -> None:
    event, seats = world.make_event(seats=6, rows=2, price=25_000)
    world.held(seats[2])
    page.goto(world.stack.url("portal", f"/evento/{event}"))
    page.locator(".seatmap[data-ready]").wait_for()
    page.locator("[name=how][value=best]").check(force=True)
    expect(page.locator("#map-panel")).to_be_hidden()
    page.locator("#quantity").select_option("3")
    page.locator("#section").select_option(index=1)
    for name, text in {"rut": format_rut(world.new_rut()), "name": "Ana", "email": "ana@example.com"}.items():
        page.locator(f"[name={name}]").fill(text)
    page.locator("#reserve").click()
    page.locator("[data-order-status=pending]").wait_for()
    # Together in a row: the third seat of row A is gone.
    expect(page.locator(".lines li b")).to_have_text(["A-4", "A-5", "A-6"])
    expect(page.locator("[data-total]")).to_have_text("$75.000")
