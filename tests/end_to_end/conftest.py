"""The browser of the tests that look at pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import ARGUMENTS, CHROMIUM, SIZES
from tests.world import CARRIED_WITHIN

# Playwright's own five seconds are a claim about the machine, not about the page.
expect.set_options(timeout=CARRIED_WITHIN * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A new browser's page. Errors of scripts, and what the security policy refused, are faults."""
    size = getattr(request, "param", "phone")
    on_phone = size == "phone"
    context = browser.new_context(viewport=SIZES[size], has_touch=on_phone, is_mobile=on_phone, locale="es-CL")
    found = context.new_page()
    found.set_default_timeout(CARRIED_WITHIN * 1000)
    faults: list[str] = []
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    yield found
    context.close()
    assert faults == []
