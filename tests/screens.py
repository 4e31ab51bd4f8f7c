"""`make screens`: a picture of each page, on a phone and on a desk, from a demo of its own.

python -m tests.screens [folder]     # docs/screens by default
"""

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from deploy.local.environments import ROOT
from deploy.local.stack import Stack
from tests.browser import ARGUMENTS, CHROMIUM, SIZES

ARENA = 4
CARD = {"card_number": "4111 1111 1111 1111", "card_expiry": "12/30", "card_cvv": "123"}


class Studio:
    """One browser of one size, walking through the demo and taking pictures."""

    def __init__(self, browser: Browser, stack: Stack, size: str, folder: Path) -> None:
        context = browser.new_context(viewport=SIZES[size], locale="es-CL")
        self.page: Page = context.new_page()
        self.stack, self.size, self.folder = stack, size, folder

    def take(self, name: str) -> None:
        self.page.wait_for_load_state("networkidle")
        self.page.screenshot(path=self.folder / f"{name}-{self.size}.png", full_page=False)
        print(f"  {name}-{self.size}.png", flush=True)

    def visit(self, program: str, path: str, name: str = "") -> None:
        self.page.goto(self.stack.url(program, path))
        if name:
            self.take(name)

    def fill(self, **values: str) -> None:
        for field, value in values.items():
            self.page.locator(f"[name={field}]").first.fill(value)

    def log_in(self, program: str, user: str, password: str) -> None:
        self.visit(program, "/admin/login/")
        self.fill(username=user, password=password)
        self.page.locator("[type=submit]").first.click()
        self.page.wait_for_load_state()


def buyer(studio: Studio) -> None:
    page = studio.page
    studio.visit("portal", "/", "portal-events")
    studio.visit("portal", f"/evento/{ARENA}")
    free = page.locator("input[name=seat]:not([disabled])")
    middle = free.count() // 2
    for index in (middle, middle + 1):
        free.nth(index).check(force=True)
    page.evaluate("window.scrollTo(0, 0)")
    studio.take("portal-seats")
    studio.fill(rut="12.345.678-5", name="Ana Ñuñoa", email="ana@example.com")
    page.locator("#reserve").click()
    page.wait_for_url(re.compile("/orden/"))
    page.locator("[data-order-status=pending]").first.wait_for()
    studio.take("portal-hold")
    studio.fill(**CARD)
    page.locator("#pay").click()
    page.locator("[data-order-status=paid]").first.wait_for()
    page.locator("a[data-pdf]").first.wait_for(timeout=90_000)
    studio.take("portal-paid")
    page.locator("[data-refund]").first.click()
    studio.take("portal-refund")
    studio.visit("portal", "/cuenta/registro", "portal-register")
    studio.visit("portal", "/cuenta/entrar", "portal-login")
    studio.fill(who="22.222.222-2", password="demo-cliente-2")
    page.locator("#login").click()
    page.wait_for_load_state()
    studio.visit("portal", "/mis-boletos", "portal-my-tickets")


def desk(studio: Studio) -> None:
    studio.log_in("billing", "11111111-1", "demo-admin-1")
    studio.visit("billing", "/admin/", "desk-today")
    studio.visit("billing", "/admin/tickets/ticket/", "desk-tickets")
    studio.visit("billing", "/admin/tickets/order/", "desk-orders")
    studio.page.locator("#result_list tbody th a").first.click()
    studio.take("desk-order")
    studio.visit("billing", "/admin/check-in/", "desk-check-in")


def box_office(studio: Studio) -> None:
    studio.log_in("reservations", "11111111-1", "demo-admin-1")
    studio.visit("reservations", "/admin/", "box-office")
    studio.visit("reservations", "/admin/venues/venue/", "box-office-venues")
    studio.visit("reservations", f"/admin/events/event/{ARENA}/change/", "box-office-event")
    studio.visit("reservations", "/admin/reservations/reservation/", "box-office-reservations")


WALKS: tuple[Callable[[Studio], None], ...] = (buyer, desk, box_office)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        Stack.embedded(Path(place), without=["flower"]) as stack,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for size in SIZES:
            for walk in WALKS:
                walk(Studio(browser, stack, size, folder))
        browser.close()


if __name__ == "__main__":
    main()
