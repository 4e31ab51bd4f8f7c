"""A waiting room in Chromium: one waits, is let in by itself when the turn has come, reserves; nobody gets by."""

import re

from playwright.sync_api import Browser, Page, expect

from middleware_worker.contract.rut import format_rut
from tests.axe import violations
from tests.browser import SIZES
from tests.end_to_end.test_pages import choose, does_not_scroll_sideways, status_is
from tests.world import World

MAKE_ROOM = """
from datetime import timedelta
from django.utils import timezone
from reservations_site.events.models import Event
from reservations_site.waiting_room.services import change_room, pause
event = Event.objects.get(pk={event})
change_room(event=event, by="prueba", in_use=True, opens_at=timezone.now() + timedelta(seconds={opens_in}), rate=600,
            minutes=10, purchases=1)
"""
PAUSE = """
from reservations_site.waiting_room.services import pause
pause(event_id={event}, paused={paused}, by="prueba")
"""


def in_reservations(world: World, code: str, **values: object) -> None:
    world.stack.manage("reservations", "shell", "-v0", "-c", code.format(**values))


def join(world: World, page: Page, event: int) -> None:
    page.goto(world.stack.url("portal", f"/evento/{event}"))
    page.wait_for_url(re.compile("/sala"))
    page.locator("#join").click()


def test_who_waits_before_the_opening_is_let_in_by_itself_and_keeps_the_place_over_a_reload(
    world: World, page: Page
) -> None:
    event, seats = world.make_event(seats=3)
    in_reservations(world, MAKE_ROOM, event=event, opens_in=20)
    # Who was not let in cannot get by: neither on the page nor at the API.
    assert world.reserve(seats[0]).body["code"] == "waiting_room"
    join(world, page, event)
    page.locator("#room[data-phase=before]").wait_for()
    does_not_scroll_sideways(page)
    assert violations(page) == []
    page.reload()
    page.locator("#room[data-phase=before]").wait_for()
    # The places are drawn, the first is let in: nobody touches the page.
    page.wait_for_url(re.compile(rf"/evento/{event}$"))
    code = choose(world, page, event, seats[0])
    status_is(page, "pending")
    assert world.arrived(code)
    # One purchase a turn.
    page.goto(world.stack.url("portal", f"/evento/{event}"))
    page.locator(f"input[name=seat][value='{seats[1]}']").check(force=True)
    for name, text in {"rut": format_rut(world.new_rut()), "name": "Ana", "email": "ana@example.com"}.items():
        page.locator(f"[name={name}]").fill(text)
    page.locator("#reserve").click()
    page.locator("#room").wait_for()
    assert world.seat_status(event, seats[1]) == "available"
    world.at_rest()


def test_a_pause_is_told_and_the_line_goes_on_afterwards(world: World, page: Page, browser: Browser) -> None:
    event, _seats = world.make_event(seats=3)
    in_reservations(world, MAKE_ROOM, event=event, opens_in=-60)
    in_reservations(world, PAUSE, event=event, paused=True)
    first = browser.new_context(viewport=SIZES["desktop"], locale="es-CL").new_page()
    for one in (first, page):
        join(world, one, event)
        expect(one.locator("[data-when=paused]")).to_be_visible()
    expect(first.locator("[data-place]")).to_have_text("1")
    expect(page.locator("[data-place]")).to_have_text("2")
    expect(page.locator("[data-before-me]")).to_have_text("1 persona antes que tú")
    does_not_scroll_sideways(page)
    assert violations(page) == []
    in_reservations(world, PAUSE, event=event, paused=False)
    for one in (first, page):
        one.wait_for_url(re.compile(rf"/evento/{event}$"))
    first.context.close()
