"""The box office in Chromium, on a phone and on a desk: another date, zones, how a sale goes, a cancellation."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import SIZES
from tests.end_to_end.test_pages import does_not_scroll_sideways
from tests.world import CARRIED_WITHIN, STAFF_PASSWORD, World

DEADLINE = CARRIED_WITHIN * 1000
BOSS = "caja"
MAKE_BOSS = f"""
from django.contrib.auth import get_user_model
users = get_user_model().objects
users.filter(username={BOSS!r}).exists() or users.create_superuser({BOSS!r}, "", {STAFF_PASSWORD!r})
"""


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, world: World, browser: Browser) -> Iterator[Page]:
    """Staff logged in to the box office; errors of scripts are faults."""
    world.stack.manage("reservations", "shell", "-v0", "-c", MAKE_BOSS)
    context = browser.new_context(viewport=SIZES[request.param], locale="es-CL")
    found = context.new_page()
    found.set_default_timeout(DEADLINE)
    faults: list[str] = []
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.goto(world.stack.url("reservations", "/admin/login/"))
    found.locator("[name=username]").fill(BOSS)
    found.locator("[name=password]").fill(STAFF_PASSWORD)
    found.locator("[type=submit]").first.click()
    found.wait_for_load_state()
    yield found
    context.close()
    assert faults == []


def visit(world: World, page: Page, event: int, name: str) -> None:
    page.goto(world.stack.url("reservations", f"/admin/events/event/{event}/{name}/"))
    does_not_scroll_sideways(page)


def seat(page: Page, label: str) -> str:
    """What a screen reader hears of a seat."""
    return page.locator(f'.tf-seat[data-label="{label}"]').get_attribute("aria-label") or ""


def messages(page: Page) -> str:
    return page.locator(".messagelist").inner_text()


def test_zones_are_priced_on_the_picture_and_the_step_is_undone_by_keyboard_alone(world: World, page: Page) -> None:
    event, seats = world.make_event(seats=4, rows=2, price=10_000)
    code = world.paid(seats[1])["code"]
    world.seat_is(event, seats[1], "sold")
    visit(world, page, event, "seats")
    page.locator('.tf-seat[data-label="A-1"]').focus()
    page.keyboard.press("Shift+Space")
    expect(page.locator("[name=labels]")).to_have_value("A-1, A-2, A-3, A-4")
    page.locator("[name=zone]").focus()
    page.keyboard.press("End")
    page.locator("[name=new_zone]").focus()
    page.keyboard.type("Preferente")
    page.keyboard.press("Tab")
    page.keyboard.type("18000")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("3 asientos quedaron en la zona")
    assert "A-2 (vendido)" in messages(page)
    assert seat(page, "A-1") == "Preferente, $18.000, fila A, asiento 1, libre"
    assert seat(page, "A-2") == "Platea, $10.000, fila A, asiento 2, vendido"
    shown = world.reservations.call("GET", f"/api/events/{event}/seats").body["seats"]
    assert {found["seat_number"]: found["price"] for found in shown if found["row"] == "A"} == {
        "A-1": 18_000, "A-2": 10_000, "A-3": 18_000, "A-4": 18_000,
    }  # fmt: skip
    assert world.reservations.call("GET", f"/api/reservations/{code}").body["total"] == 10_000
    page.locator("[name=undo]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Se deshizo el último paso")
    assert seat(page, "A-1") == "Platea, $10.000, fila A, asiento 1, libre"
    expect(page.locator("[data-zone]")).to_have_count(1)
    does_not_scroll_sideways(page)


def test_a_row_and_a_zone_are_chosen_by_a_tap(world: World, page: Page) -> None:
    event, _seats = world.make_event(seats=4, rows=2)
    visit(world, page, event, "seats")
    page.locator("text.tf-row[data-row=B]").click()
    expect(page.locator("[name=labels]")).to_have_value("B-1, B-2, B-3, B-4")
    page.locator(".tf-zone-button").click()
    expect(page.locator(".tf-seat.tf-on")).to_have_count(8)
    page.locator(".tf-zone-button").click()
    expect(page.locator(".tf-seat.tf-on")).to_have_count(0)
    page.locator("[name=tf-by][value=zone]").check()
    expect(page.locator("svg.tf-by-zone")).to_be_visible()


def test_the_page_of_an_event_shows_how_the_sale_goes(world: World, page: Page) -> None:
    event, seats = world.make_event(seats=4, price=10_000)
    world.paid(seats[0], seats[1])
    world.held(seats[2])
    for number in (0, 1):
        world.seat_is(event, seats[number], "sold")
    visit(world, page, event, "change")
    chart = page.get_by_role("img", name="Ventas por hora: 2 asientos pagados")
    expect(chart).to_be_visible()
    expect(chart.locator("rect")).not_to_have_count(0)
    page.get_by_text("Ver los números").first.click()
    expect(page.locator(".tf-numbers td").first).to_have_text("2")
    expect(page.locator(".tf-sums tbody tr").first).to_contain_text("$20.000")


def test_a_cancellation_is_watched_to_its_end_without_a_reload(world: World, page: Page) -> None:
    event, seats = world.make_event(seats=3)
    world.paid(seats[0])
    world.held(seats[1])
    world.seat_is(event, seats[0], "sold")
    with world.without("billing"):
        visit(world, page, event, "cancel")
        page.locator("[name=reason]").fill("Lluvia")
        page.locator(".tf-danger-button").click()
        expect(page.locator("[data-count=left]")).to_have_text("2")
        expect(page.locator("[data-count=total]")).to_have_text("2")
        does_not_scroll_sideways(page)
    expect(page.locator("[data-when=done]")).to_be_visible()
    expect(page.locator("[data-count=ended]")).to_have_text("2")
    world.at_rest()


def test_an_event_is_copied_to_another_date_with_its_plan_and_its_prices(world: World, page: Page) -> None:
    event, seats = world.make_event(seats=4, rows=2, price=10_000)
    world.paid(seats[0])
    world.seat_is(event, seats[0], "sold")
    visit(world, page, event, "copy")
    assert page.locator("[name=starts_at]").get_attribute("type") == "datetime-local"
    page.locator("[name=name]").fill("Función de los viernes")
    page.locator("[name=starts_at]").fill("2031-03-07T21:00")
    page.locator("[name=sales_open_at]").fill("2031-02-01T10:00")
    page.locator(".tf-prices input").first.fill("12000")
    page.locator("[type=submit].default").click()
    expect(page.locator(".messagelist")).to_be_visible()
    does_not_scroll_sideways(page)
    copy = int(re.search(r"/event/(\d+)/", page.url)[1])
    assert copy != event
    rows = world.databases.reservations_rows(
        "select s.status, sec.price, count(*) from events_seat s join events_eventsection sec on sec.id = s.section_id "
        f"where s.event_id = {copy} group by 1, 2"
    )
    assert [(status, int(price), count) for status, price, count in rows] == [("available", 12_000, 8)]
    (row,) = world.databases.reservations_rows(f"select name, status from events_event where id = {copy}")
    assert row == ("Función de los viernes", "draft")
    world.seat_is(event, seats[0], "sold")
