"""The buyer's pages."""

import re

from tests.buyer import mailed_link_in
from tests.screens.studio import Studio
from tests.world import DECLINED, DIES_AFTER_CAPTURE

ARENA = 4
CARD = {"card_number": "4111 1111 1111 1111", "card_expiry": "12/30", "card_cvv": "123"}
CUSTOMER, PASSWORD = "22.222.222-2", "demo-cliente-2"
BUYER = {"rut": CUSTOMER, "name": "Carla Cliente", "email": "carla@example.com"}


def buyer(studio: Studio) -> None:
    studio.visit("portal", "/", "portal-events", dark=True)
    seat_maps(studio)
    best_available(studio)
    code = an_order(studio)
    payments_that_fail(studio)
    account(studio, code)
    faults(studio)


def map_is_ready(studio: Studio) -> None:
    studio.page.locator(".seatmap[data-ready]").wait_for()
    studio.page.locator("#map-panel").evaluate("panel => panel.scrollIntoView()")


def seat_maps(studio: Studio) -> None:
    """The map whole, in another site's frame, after a lost race, and near with seats chosen, which is left open."""
    page = studio.page
    studio.visit("portal", f"/evento/{ARENA}", "portal-event")
    map_is_ready(studio)
    seats = page.evaluate("fetch(document.forms['reserve-form'].dataset.statesUrl).then(told => told.json())")["states"]
    studio.take("portal-seats-whole")
    studio.visit("portal", f"/embed/{ARENA}/")
    map_is_ready(studio)
    studio.take("portal-embed")
    first = page.evaluate(
        "fetch(document.forms['reserve-form'].dataset.planUrl).then(told => told.json())"
        ".then(plan => Math.min(...plan.sections.flatMap(s => s.rows.map(row => row.ids[0]))))"
    )
    studio.visit(
        "portal", f"/evento/{ARENA}?seat={first + re.search('[rs]', seats).start()}&seat={first + seats.index('aa')}"
    )
    page.locator(".seatmap[data-ready]").wait_for()
    studio.take("portal-race-lost")
    choose(studio)
    studio.take("portal-seats", dark=True)


def choose(studio: Studio, *, seats: int = 2) -> None:
    """Seats of the second section, on the map."""
    studio.visit("portal", f"/evento/{ARENA}")
    map_is_ready(studio)
    studio.page.locator("[data-go]").nth(1).click()
    free = studio.page.locator(".seatmap input:enabled")
    free.nth(9).wait_for(state="attached")
    for index in range(8, 8 + seats):
        free.nth(index).check(force=True)


def best_available(studio: Studio) -> None:
    studio.visit("portal", f"/evento/{ARENA}")
    studio.page.locator("[name=how][value=best]").check(force=True)
    studio.page.locator("#best-panel").scroll_into_view_if_needed()
    studio.take("portal-best")


def reserve(studio: Studio) -> None:
    """Takes what is chosen; the page is then the order's."""
    studio.fill(**BUYER)
    studio.page.locator("#reserve").click()
    studio.page.wait_for_url(re.compile("/orden/"))
    studio.order_is("pending")


def pay(studio: Studio, number: str = CARD["card_number"]) -> None:
    studio.fill(**CARD | {"card_number": number})
    studio.page.locator("#pay").click()


def an_order(studio: Studio) -> str:
    """From the hold to a refund of one of its tickets; the booking code."""
    page = studio.page
    choose(studio)
    reserve(studio)
    studio.take("portal-hold", dark=True)
    pay(studio)
    studio.order_is("paid")
    page.locator("a[data-pdf]").first.wait_for(timeout=90_000)
    studio.take("portal-paid", dark=True)
    page.locator("[data-qr]").first.click()
    page.locator("#qr-full").wait_for()
    studio.take("portal-qr")
    page.keyboard.press("Escape")
    order = page.url
    page.locator("[data-ticket-id] h3 a").first.click()
    studio.take("portal-ticket", whole=True)
    page.emulate_media(media="print")
    studio.take("portal-ticket-printed")
    page.emulate_media(media="screen")
    page.locator("[data-refund]").first.click()
    studio.take("portal-refund")
    page.locator("#refund").click()
    page.locator("[data-ticket-status=REFUNDED]").first.wait_for()
    page.goto(order)
    page.locator("[data-money]").first.wait_for()
    studio.take("portal-refunded", whole=True)
    return order.rsplit("/", 1)[1]


def payments_that_fail(studio: Studio) -> None:
    page = studio.page
    choose(studio, seats=1)
    reserve(studio)
    pay(studio, DECLINED)
    studio.order_is("declined")
    studio.take("portal-declined", dark=True)
    with studio.without("gateway"):
        pay(studio)
        page.locator("[data-order-status=declined], [data-order-status=paying]").first.wait_for()
        studio.take("portal-gateway-unreachable")
    studio.order_is("declined")
    with studio.without("billing-jobs"):
        pay(studio, DIES_AFTER_CAPTURE)
        studio.order_is("paying")
        studio.take("portal-paying", dark=True)
    studio.order_is("paid")
    choose(studio, seats=1)
    with studio.without("billing"):
        studio.fill(**BUYER)
        page.locator("#reserve").click()
        studio.order_is("preparing")
        studio.take("portal-preparing")
    studio.order_is("pending")
    page.locator("#cancel").click()
    studio.order_is("expired")
    studio.take("portal-expired")


def account(studio: Studio, code: str) -> None:
    page = studio.page
    for name, path in {
        "find": "/orden",
        "register": "/cuenta/registro",
        "forgot": "/cuenta/clave-olvidada",
        "login": "/cuenta/entrar",
    }.items():
        studio.visit("portal", path, f"portal-{name}")
    studio.fill(who=CUSTOMER, password=PASSWORD)
    page.locator("#login").click()
    page.locator("#logout").wait_for()
    studio.visit("portal", "/cuenta/reclamar")
    studio.fill(code=code)
    studio.take("portal-claim")
    page.locator("#claim").click()
    page.locator("[data-ticket-id]").first.wait_for()
    studio.visit("portal", "/mis-boletos", "portal-my-tickets", whole=True, dark=True)
    studio.visit("portal", "/cuenta", "portal-account", whole=True)
    new = f"nuevo-{studio.size}@example.com"
    studio.fill(email=new, password=PASSWORD)
    page.locator("#change-email").click()
    page.locator("[data-status='202']").wait_for()
    studio.take("portal-account-asked")
    studio.visit(
        "portal", mailed_link_in(studio.stack.environments.mail, new, "/cuenta/correo/"), "portal-confirm-email"
    )
    for name, subject in {"paid": "Tus boletos", "refunded": "Devolvimos", "email-change": "nuevo correo"}.items():
        html = studio.mail(subject)
        assert html, f"no mail about {subject}"
        # Not below the portal's policy, which would take a mail's styles away.
        page.goto("about:blank")
        page.set_content(html)
        studio.take(f"mail-{name}")


def faults(studio: Studio) -> None:
    studio.visit("portal", "/no-hay", "portal-404")
    with studio.without("reservations", "billing"):
        studio.visit("portal", "/orden/TF-AAAA-BBBB-CCCC", "portal-503")
        studio.visit("portal", "/", "portal-stale")
