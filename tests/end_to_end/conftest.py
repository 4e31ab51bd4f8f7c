"""The browser of the tests that look at pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import ARGUMENTS, CHROMIUM
from tests.world import CARRIED_WITHIN

# Playwright's own five seconds are a claim about the machine, not about the page.
expect.set_options(timeout=CARRIED_WITHIN * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()
