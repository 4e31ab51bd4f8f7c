"""The browser of the tests and of `make screens`: the installed Chromium, talking to this machine only."""

import pytest
from playwright.sync_api import Page

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"phone": {"width": 360, "height": 740}, "desktop": {"width": 1280, "height": 900}}

# Where a test looks: on a phone by itself, else as it says.
on_both = pytest.mark.parametrize("page", list(SIZES), indirect=True)
on_desk = pytest.mark.parametrize("page", ["desktop"], indirect=True)


def tab_to(page: Page, selector: str) -> None:
    """Goes on by the Tab key alone until the focus is there, and can be seen to be."""
    for _stop in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{selector} has the focus and does not show it"
            return
    raise AssertionError(f"the Tab key does not reach {selector}")
