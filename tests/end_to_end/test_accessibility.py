"""Pages against WCAG 2.2 AA, checked by axe-core in Chromium: on a phone and on a desk, in light and dark."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import amqp
import pytest
from playwright.sync_api import Browser, Page

from tests.axe import violations
from tests.browser import SIZES
from tests.buyer import enter, make_buyer, pages
from tests.end_to_end.test_box_office import BOSS, MAKE_BOSS
from tests.world import STAFF_PASSWORD, STAFF_RUT, World, until

# Shapes of addresses that are no page: files to take away, and the end of the session.
NO_PAGE = re.compile(r"logout|\.(pdf|csv|xlsx|json|ics)$|export|/api/|jsi18n")
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="es-CL", reduced_motion="reduce")
    yield context.new_page()
    context.close()


def looked_at(page: Page) -> list[str]:
    """What the open page has against the rules in each size and colour scheme."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for size, pixels in SIZES.items():
            page.set_viewport_size(pixels)
            # What the page's own scripts do about the new size comes with the next picture.
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            where = f"{urlsplit(page.url).path} ({size}, {scheme})"
            found += [f"{where}: {violation}" for violation in violations(page)]
    return found


def shape(address: str) -> str:
    """Pages of one kind have one shape: numbers and codes differ, what was asked for does not count."""
    return re.sub(r"/(\d+|[0-9a-f]{8}-[0-9a-f-]{27}|TF-[^/]+)(?=/|$)", "/N", urlsplit(address).path)


def crawl(page: Page, start: str) -> tuple[list[str], set[str]]:
    """The violations of each kind of page that can be reached by links, and which kinds there were."""
    found: list[str] = []
    left, seen = [start], {shape(start)}
    while left:
        page.goto(left.pop(0))
        found += looked_at(page)
        for link in page.evaluate(LINKS):
            address = urljoin(page.url, link)
            is_new = address.startswith(start) and shape(address) not in seen
            if is_new and not NO_PAGE.search(urlsplit(address).path):
                seen.add(shape(address))
                left.append(address.partition("#")[0])
    return found, seen


def log_in(page: Page, address: str, user: str = STAFF_RUT) -> None:
    page.goto(address)
    page.locator("[name=username]").fill(user)
    page.locator("[name=password]").fill(STAFF_PASSWORD)
    page.locator("[type=submit]").first.click()
    page.wait_for_load_state()


def test_every_page_of_the_portal_that_anybody_can_see_keeps_to_wcag(world: World, page: Page) -> None:
    event, _seats = world.make_event(seats=3)
    found, seen = crawl(page, world.stack.url("portal", "/"))
    assert {"/", shape(f"/evento/{event}")} <= seen
    assert found == []


def test_every_page_of_the_desk_keeps_to_wcag(world: World, page: Page) -> None:
    _event, seats = world.make_event(seats=4)
    ticket = world.paid(*seats[:2], email="ana@example.com")["tickets"][0]["external_id"]
    world.staff().refund(ticket)
    world.held(seats[2])
    with world.channel() as channel:
        channel.basic_publish(amqp.Message(b"no ticket"), exchange="", routing_key="new_ticket")
    until("a dead letter", lambda: world.operator.call("GET", "/dead-letters").body["dead_letters"])
    start = world.stack.url("billing", "/admin/")
    page.goto(start)
    found = looked_at(page)
    log_in(page, start)
    more, seen = crawl(page, start)
    assert {f"/admin/{name}/" for name in ("check-in", "sums", "event-refunds", "password_change")} <= seen
    assert {"/admin/tickets/order/N/change/", "/admin/dead_letters/deadletter/N/change/"} <= seen
    assert {"/admin/auth/group/add/", "/admin/auth/group/N/delete/", "/admin/accounts/person/N/history/"} <= seen
    for path in ("/gate/", "/gate/dobles/"):
        page.goto(world.stack.url("billing", path))
        more += looked_at(page)
    assert found + more == []


def test_every_page_of_the_box_office_keeps_to_wcag(world: World, page: Page) -> None:
    world.stack.manage("reservations", "shell", "-v0", "-c", MAKE_BOSS)
    _event, seats = world.make_event(seats=4, rows=2)
    world.paid(seats[0])
    world.held(seats[1])
    start = world.stack.url("reservations", "/admin/")
    page.goto(start)
    found = looked_at(page)
    log_in(page, start, BOSS)
    more, seen = crawl(page, start)
    event_pages = {f"/admin/events/event/N/{name}/" for name in ("change", "seats", "copy", "cancel")}
    assert event_pages <= seen
    assert {"/admin/reservations/reservation/N/change/", "/admin/venues/venue/N/change/"} <= seen
    assert found + more == []


def test_every_page_of_a_buyer_keeps_to_wcag(world: World, page: Page) -> None:
    buyer = make_buyer(world)
    anybodys, own = pages(world, buyer)
    found: list[str] = []

    def look(path: str) -> None:
        page.goto(world.stack.url("portal", path))
        found.extend(looked_at(page))

    for path in anybodys.values():
        look(path)
    page.goto(world.stack.url("portal", anybodys["ticket"]))
    page.locator("[data-qr]").click()
    found += looked_at(page)
    page.goto(world.stack.url("portal", anybodys["event"]))
    page.locator("#reserve").click()
    page.get_by_role("alert").first.wait_for()
    found += looked_at(page)
    enter(world, page, buyer)
    for path in own.values():
        look(path)
    assert found == []
