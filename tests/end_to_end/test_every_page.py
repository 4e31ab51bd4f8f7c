"""What holds for every page of the portal: it fits 320 px, nothing jumps while it loads, and the first is light."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Response

from tests.buyer import enter, make_buyer, pages
from tests.end_to_end.test_pages import does_not_scroll_sideways
from tests.world import World

NARROWEST = {"width": 320, "height": 640}
# Google's bound for "good" is 0.1; here nothing may move that one could see.
MOST_SHIFT = 0.02
FIRST_PAGE_BYTES = 100_000
WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=NARROWEST, locale="es-CL", has_touch=True, is_mobile=True)
    context.add_init_script(WATCH_SHIFTS)
    yield context.new_page()
    context.close()


def test_every_page_fits_the_narrowest_telephone_and_nothing_jumps(world: World, page: Page) -> None:
    buyer = make_buyer(world)
    anybodys, own = pages(world, buyer)
    jumped: dict[str, float] = {}

    def look(name: str, path: str) -> None:
        page.goto(world.stack.url("portal", path))
        page.wait_for_load_state("networkidle")
        does_not_scroll_sideways(page)
        shifted = page.evaluate("window.shifted")
        if shifted > MOST_SHIFT:
            jumped[name] = shifted

    for name, path in anybodys.items():
        look(name, path)
    enter(world, page, buyer)
    for name, path in own.items():
        look(name, path)
    assert jumped == {}


def test_the_first_page_is_light(world: World, page: Page) -> None:
    """Everything but pictures, as it comes over the network the first time."""
    world.make_event(seats=3)
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 (Playwright wants a function)
    page.goto(world.stack.url("portal", "/"))
    page.wait_for_load_state("networkidle")
    sizes = {answer.url: answer.request.sizes() for answer in answers if answer.request.resource_type != "image"}
    weights = {url: size["responseBodySize"] + size["responseHeadersSize"] for url, size in sizes.items()}
    assert len(weights) > 1
    assert sum(weights.values()) < FIRST_PAGE_BYTES, weights
