"""The seats of an event in Chromium: blocked and unblocked by keyboard alone, on a phone and on a desk."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect, sync_playwright

from reservations_site.events.tests.factories import hold, make_event, statuses

CHROMIUM, ARGUMENTS = "/usr/bin/chromium", ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES = {"phone": {"width": 360, "height": 740}, "desktop": {"width": 1280, "height": 900}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright's loop runs in this thread, where the tests ask the database too.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser, live_server: Any) -> Iterator[Page]:
    client = Client()
    client.force_login(User.objects.create_superuser("ana"))
    context = browser.new_context(viewport=SIZES[request.param], locale="es-CL", base_url=live_server.url)
    cookie = client.cookies["reservations_session"]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    found = context.new_page()
    faults: list[str] = []
    found.on("pageerror", lambda error: faults.append(str(error)))
    yield found
    context.close()
    assert faults == []


def test_seats_are_blocked_and_unblocked_by_keyboard_alone(page: Page) -> None:
    event = make_event()
    hold(event, "A-2")
    page.goto(reverse("admin:events_event_seats", args=[event.id]))
    first = page.locator('.tf-seat[data-label="A-1"]')
    expect(first).to_have_attribute("aria-label", "Platea, $10.000, fila A, asiento 1, libre")
    first.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("[name=labels]")).to_have_value("A-1, A-2, B-2")
    page.locator("[name=reason]").fill("Cámara")
    page.locator("[name=block]").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("A-2 (reservado)")
    assert statuses(event, "A-1", "A-2", "B-2") == ["blocked", "reserved", "blocked"]
    expect(first).to_have_attribute("aria-label", "Platea, $10.000, fila A, asiento 1, bloqueado")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.locator("[name=labels]").fill("A-1")
    page.locator("[name=unblock]").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("1 asiento desbloqueado")
    assert statuses(event, "A-1", "B-2") == ["available", "blocked"]
