"""A buyer and a staff member in Chromium, on the running system."""

import itertools
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from middleware_worker.contract.rut import format_rut
from tests.browser import on_both
from tests.world import STAFF_PASSWORD, STAFF_RUT, World, until

_emails = itertools.count(1)


def choose(world: World, page: Page, event: int, *seats: int, rut: int | None = None) -> str:
    """Chooses seats on the map and takes them; the booking code."""
    page.goto(world.stack.url("portal", f"/evento/{event}"))
    for seat in seats:
        page.locator(f"input[name=seat][value='{seat}']").check(force=True)
    page.locator("[name=rut]").first.fill(format_rut(rut or world.new_rut()))
    page.locator("[name=name]").first.fill("Ana Ñuñoa")
    page.locator("[name=email]").first.fill(f"ana{next(_emails)}@example.com")
    page.locator("#reserve").click()
    page.wait_for_url(re.compile("/orden/"))
    return page.url.rstrip("/").rsplit("/", 1)[1]


def status_is(page: Page, status: str) -> None:
    expect(page.locator(f"[data-order-status='{status}']").first).to_be_visible()


def pay(page: Page, card: str = "4111 1111 1111 1111") -> None:
    page.locator("[name=card_number]").fill(card)
    page.locator("[name=card_expiry]").fill("12/30")
    page.locator("[name=card_cvv]").fill("123")
    page.locator("#pay").click()


def does_not_scroll_sideways(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px too wide"


@on_both
def test_a_buyer_chooses_pays_and_gets_the_ticket(world: World, page: Page, tmp_path: Path) -> None:
    event, seats = world.make_event(seats=6, rows=3, price=25_000)
    page.goto(world.stack.url("portal", "/"))
    does_not_scroll_sideways(page)
    code = choose(world, page, event, seats[0], seats[1])
    does_not_scroll_sideways(page)
    status_is(page, "pending")
    pay(page)
    status_is(page, "paid")
    does_not_scroll_sideways(page)
    expect(page.locator("[data-ticket-status=PAID]")).to_have_count(2)
    expect(page.locator("[data-qr]").first).to_be_visible()
    link = page.locator("a[data-pdf]").first
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.evaluate("a => { a.setAttribute('download', ''); a.click(); }")
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")
    for seat in seats[:2]:
        world.seat_is(event, seat, "sold")
    assert world.order(code)["status"] == "paid"
    world.at_rest()


def test_a_buyer_cancels_and_sees_the_seat_come_free(world: World, page: Page) -> None:
    event, (seat,) = world.make_event(seats=1)
    choose(world, page, event, seat)
    status_is(page, "pending")
    page.locator("#cancel").click()
    status_is(page, "expired")
    world.seat_is(event, seat, "available")
    world.at_rest()


def test_two_browsers_race_for_one_seat_and_the_loser_is_told_its_name(world: World, browser: Browser) -> None:
    event, seats = world.make_event(seats=3)
    pages = [browser.new_context(locale="es-CL").new_page() for _ in range(2)]
    for page in pages:
        page.goto(world.stack.url("portal", f"/evento/{event}"))
        page.locator(f"input[name=seat][value='{seats[0]}']").check(force=True)
        page.locator("[name=rut]").first.fill(format_rut(world.new_rut()))
        page.locator("[name=name]").first.fill("Ana")
        page.locator("[name=email]").first.fill("ana@example.com")
    pages[0].locator("#reserve").click()
    pages[0].wait_for_url(re.compile("/orden/"))
    pages[1].locator("#reserve").click()
    expect(pages[1].get_by_role("alert").filter(has_text="A-1").first).to_be_visible()
    for page in pages:
        page.context.close()
    world.at_rest()


def test_without_javascript_a_seat_is_bought_all_the_same(world: World, browser: Browser) -> None:
    event, seats = world.make_event(seats=3)
    context = browser.new_context(java_script_enabled=False, locale="es-CL")
    page = context.new_page()
    code = choose(world, page, event, seats[0])
    world.arrived(code)
    page.reload()
    status_is(page, "pending")
    pay(page)
    status_is(page, "paid")
    context.close()
    world.at_rest()


def test_billing_is_down_seats_are_taken_and_the_ticket_is_in_preparation(world: World, page: Page) -> None:
    event, seats = world.make_event(seats=2)
    with world.without("billing"):
        code = choose(world, page, event, seats[0])
        status_is(page, "preparing")
        expect(page.get_by_text(re.compile("preparaci", re.IGNORECASE)).first).to_be_visible()
    status_is(page, "pending")  # without a reload
    assert world.arrived(code)
    world.at_rest()


def test_reservations_is_down_and_the_last_known_events_are_shown(world: World, page: Page) -> None:
    world.make_event(seats=1)
    page.goto(world.stack.url("portal", "/"))
    known = set(page.locator("[data-event-id] h3").all_inner_texts())
    with world.without("reservations"):
        page.goto(world.stack.url("portal", "/"))
        shown = set(page.locator("[data-event-id] h3").all_inner_texts())
        # The newest may be missing: the portal keeps a copy every few seconds.
        assert shown
        assert shown <= known
        expect(page.locator("[data-stale]")).to_be_visible()


def test_a_buyer_registers_confirms_logs_in_and_sees_the_ticket(world: World, page: Page) -> None:
    _event, (seat,) = world.make_event(seats=1)
    rut, address = world.new_rut(), f"nuevo{next(_emails)}@example.com"
    code = world.held(seat, rut=rut, email=address)["code"]
    world.arrived(code)
    assert world.pay(code).status == 200
    page.goto(world.stack.url("portal", "/cuenta/registro"))
    page.locator("[name=rut]").fill(format_rut(rut))
    page.locator("[name=full_name]").fill("Ana Nueva")
    page.locator("[name=email]").fill(address)
    page.locator("[name=password]").first.fill("una-clave-larga-7")
    for again in page.locator("[name=password2]").all():
        again.fill("una-clave-larga-7")
    page.locator("#register").click()

    def link() -> str | None:
        for path in Path(world.stack.environments.mail).glob("*"):
            text = path.read_text().replace("=\n", "").replace("=3D", "=")
            found = re.search(rf"To: {re.escape(address)}.*?(/cuenta/confirmar/[\w.\-:=]+)", text, re.DOTALL)
            if found:
                return found[1]
        return None

    page.goto(world.stack.url("portal", until("the confirmation mail", link)))
    page.locator("#confirm").click()
    page.wait_for_load_state()
    page.goto(world.stack.url("portal", "/mis-boletos"))
    if "/entrar" in page.url:
        page.locator("[name=who]").fill(address)
        page.locator("[name=password]").fill("una-clave-larga-7")
        page.locator("#login").click()
        page.wait_for_load_state()
        page.goto(world.stack.url("portal", "/mis-boletos"))
    expect(page.locator("[data-ticket-id]").first).to_be_visible()
    does_not_scroll_sideways(page)


@on_both
def test_staff_check_in_at_the_desk_says_in_and_then_already_used(world: World, page: Page) -> None:
    event, (seat,) = world.make_event(seats=1)
    ticket = world.paid(seat)["tickets"][0]["external_id"]
    page.goto(world.stack.url("billing", "/admin/check-in/"))
    page.locator("[name=username]").fill(STAFF_RUT)
    page.locator("[name=password]").fill(STAFF_PASSWORD)
    page.locator("[type=submit]").first.click()
    page.goto(world.stack.url("billing", "/admin/check-in/"))
    where = page.locator("[name=event]")
    if not where.is_visible():
        page.locator(".gate-where summary").click()
    where.select_option(f"id:{event}")
    page.locator("[name=gate]").fill("Norte")
    for answer in ("in", "already_used"):
        page.locator("[name=text]").fill(ticket)
        page.keyboard.press("Enter")
        expect(page.locator(f"[data-answer={answer}]")).to_be_visible()
        does_not_scroll_sideways(page)
    world.at_rest()
