"""The seat map in Chromium on the running system: by touch, by mouse, by keyboard alone, and with others looking."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from middleware_worker.contract.rut import format_rut
from tests.browser import on_both
from tests.world import World

pytestmark = on_both


@pytest.fixture(scope="module")
def hall(world: World) -> tuple[int, list[int]]:
    return world.make_event(seats=8, rows=4, price=25_000)


def look_at(world: World, page: Page, event: int, query: str = "") -> None:
    page.goto(world.stack.url("portal", f"/evento/{event}{query}"))
    page.locator(".seatmap[data-ready]").wait_for()


def seat(page: Page, row: str, number: int) -> str:
    """The seat's place on the page, found by what a screen reader hears."""
    return f'.seatmap input[aria-label^="Platea, fila {row}, asiento {number}, "]'


def point(page: Page, x: float, y: float) -> None:
    if page.evaluate("matchMedia('(pointer: coarse)').matches"):
        page.touchscreen.tap(x, y)
    else:
        page.mouse.click(x, y)


def middle(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def unit(page: Page) -> float:
    """How many pixels wide a seat is."""
    return page.evaluate("parseFloat(document.querySelector('.seatmap').style.getPropertyValue('--u'))")


def zoom_in(page: Page) -> None:
    """Until a seat is large enough to be touched."""
    page.locator("[data-zoom=in]").click()
    assert unit(page) >= 24


def chosen(page: Page) -> list[str]:
    return page.locator("#chosen li").evaluate_all(
        "lines => lines.map(line => line.querySelector('div').firstChild.data)"
    )


def fill_in(world: World, page: Page) -> None:
    page.locator("[name=rut]").fill(format_rut(world.new_rut()))
    page.locator("[name=name]").fill("Ana Ñuñoa")
    page.locator("[name=email]").fill("ana@example.com")


def test_seats_are_chosen_and_dropped_by_touch_and_by_mouse(
    world: World, hall: tuple[int, list[int]], page: Page
) -> None:
    look_at(world, page, hall[0])
    zoom_in(page)
    page.locator("#map-panel").scroll_into_view_if_needed()
    for number in (4, 5):
        expect(page.locator(seat(page, "B", number))).to_be_attached()
        point(page, *middle(page, seat(page, "B", number)))
    assert chosen(page) == ["B-4", "B-5"]
    expect(page.locator(seat(page, "B", 4))).to_have_attribute(
        "aria-label", "Platea, fila B, asiento 4, $25.000, elegido"
    )
    expect(page.locator("#total")).to_have_text("$50.000")
    point(page, *middle(page, seat(page, "B", 4)))
    assert chosen(page) == ["B-5"]


def test_seats_are_taken_by_keyboard_alone(world: World, page: Page) -> None:
    event, _seats = world.make_event(seats=5, rows=2, price=25_000)
    look_at(world, page, event)
    page.locator("[data-zoom=in]").focus()
    for _stop in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "seat":
            break
    focused = page.locator(".seatmap input:focus")
    expect(focused).to_have_attribute("aria-label", "Platea, fila A, asiento 1, $25.000, libre")
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expect(focused).to_have_attribute("aria-label", "Platea, fila B, asiento 3, $25.000, libre")
    page.keyboard.press("Space")
    expect(page.locator("#spoken")).to_contain_text("Elegido: Platea, fila B, asiento 3. 1 asiento, $25.000.")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert chosen(page) == ["B-2", "B-3"]
    expect(page.locator("#alone-names")).to_have_text("B-1")
    fill_in(world, page)
    page.locator("#reserve").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/orden/"))


def test_a_seat_turns_grey_while_one_looks_and_a_chosen_one_is_dropped_aloud(
    world: World, browser: Browser, page: Page
) -> None:
    event, seats = world.make_event(seats=6)
    look_at(world, page, event)
    page.locator(f"input[value='{seats[2]}']").check(force=True)
    world.held(seats[2], seats[4])
    expect(page.locator("#said")).to_contain_text("A-3")
    assert chosen(page) == []
    expect(page.locator(f"input[value='{seats[4]}']")).to_be_disabled()
    expect(page.locator(f"input[value='{seats[4]}']")).to_have_attribute("aria-label", re.compile("apartado$"))
    page.locator("#said button").click()
    assert chosen(page) == ["A-2"]


def test_the_loser_of_a_race_keeps_the_others_and_takes_the_nearest_with_one_click(world: World, page: Page) -> None:
    event, seats = world.make_event(seats=6, rows=2)
    look_at(world, page, event)
    page.route("**/asientos.json*", lambda route: route.abort())
    for one in seats[:2]:
        page.locator(f"input[value='{one}']").check(force=True)
    fill_in(world, page)
    world.held(seats[1])
    page.locator("#reserve").click()
    expect(page.get_by_role("alert").filter(has_text="A-2").first).to_be_visible()
    page.locator("[name=instead]").first.click()
    page.wait_for_url(re.compile("/orden/"))
    expect(page.locator("[data-order-status]")).to_contain_text("A-1")
    world.at_rest()


def test_a_house_of_20000_seats_can_be_used_and_a_tap_on_the_crowd_zooms_in_first(world: World, page: Page) -> None:
    event, _seats = world.make_event(seats=200, rows=100)
    look_at(world, page, event)
    assert page.evaluate("document.querySelectorAll('*').length") < 3000
    assert unit(page) < 12
    page.locator(".mapbox").scroll_into_view_if_needed()
    point(page, *middle(page, ".mapbox"))
    assert unit(page) >= 24
    assert chosen(page) == []
    page.locator(".seatmap input:enabled").nth(5).wait_for(state="attached")
    point(page, *middle(page, ".mapbox"))
    expect(page.locator("#chosen li")).to_have_count(1)


def test_another_site_shows_the_map_and_the_choice_goes_on_in_a_tab_of_its_own(
    world: World, hall: tuple[int, list[int]], page: Page
) -> None:
    page.goto(world.stack.url("portal", f"/embed/{hall[0]}/"))
    page.locator(".seatmap[data-ready]").wait_for()
    page.locator(f"input[value='{hall[1][0]}']").check(force=True)
    assert page.context.cookies() == []
    with page.context.expect_page() as opened:
        page.locator("#reserve-form button.wide").click()
    shop = opened.value
    shop.locator(".seatmap[data-ready]").wait_for()
    assert chosen(shop) == ["A-1"]


def test_a_countdown_goes_by_the_servers_clock_and_warns_aloud(world: World, page: Page) -> None:
    _event, (seat_id,) = world.make_event(seats=1, hold_minutes=10)
    code = world.held(seat_id)["code"]
    world.arrived(code)
    page.clock.install(time="2020-01-01T00:00:00Z")
    page.goto(world.stack.url("portal", f"/orden/{code}"))
    expect(page.locator("#left")).to_have_text(re.compile(r"^(10|[1-9]):\d\d$"))
    page.clock.run_for("05:00")
    page.reload()
    expect(page.locator("#left")).to_have_text(re.compile(r"^(10|[5-9]):\d\d$"))
    expect(page.locator("#left-said")).to_be_empty()
    left = page.locator("#left").inner_text().split(":")
    page.clock.run_for((int(left[0]) * 60 + int(left[1]) - 119) * 1000)
    expect(page.locator("#left-said")).to_have_text("Quedan 2 minutos para pagar")
    page.clock.run_for(90_000)
    expect(page.locator("#left-said")).to_have_text("Quedan 30 segundos para pagar")


def test_a_cancelled_hold_shows_by_itself_that_the_seats_are_free(world: World, page: Page) -> None:
    _event, (seat_id,) = world.make_event(seats=1)
    code = world.held(seat_id)["code"]
    world.arrived(code)
    with world.without("worker"):
        page.goto(world.stack.url("portal", f"/orden/{code}"))
        page.locator("#cancel").click()
        expect(page.locator("[data-order-status=cancelling]")).to_be_visible()
        page.evaluate("window.same = true")
    expect(page.locator("[data-order-status=expired]")).to_be_visible()
    assert page.evaluate("window.same"), "without a reload"
    world.at_rest()
