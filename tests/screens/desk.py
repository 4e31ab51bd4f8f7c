"""The staff's desk, and the gate."""

import re

from tests.screens.portal import ARENA
from tests.screens.studio import Studio
from tests.world import World

STAFF = ("11111111-1", "demo-admin-1")
# An event is refunded whole once for each size.
TO_REFUND = {"phone": (2, "La Negra Ester"), "desktop": (3, "Festival de Jazz de Providencia")}


def desk(studio: Studio) -> None:
    page = studio.page
    for number, reason in (("not_json", "No es JSON: falta la llave de cierre"), ("invalid", "rut: no es un RUT")):
        studio.send_dead_letter(b'{"id": "EXT-77", "rut": "12.345', code=number, reason=reason)
    studio.visit("billing", "/admin/login/", "desk-login")
    studio.log_in("billing", *STAFF)
    studio.visit("billing", "/admin/", "desk-today", whole=True, dark=True)
    page.locator("#search").fill("Javiera")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/admin/.+"))
    studio.take("desk-search")
    studio.visit("billing", "/admin/tickets/ticket/", "desk-tickets")
    studio.visit("billing", "/admin/tickets/order/", "desk-orders")
    studio.visit("billing", "/admin/accounts/person/", "desk-people")
    page.locator("#result_list tbody th a").first.click()
    studio.take("desk-person", whole=True)
    page.get_by_role("link", name="Mostró su cédula").first.click()
    studio.take("desk-identity")
    studio.visit("billing", "/admin/sums/", "desk-sums")
    studio.visit("billing", "/admin/carriage/", "desk-carriage", whole=True, dark=True)
    an_order(studio)
    dead_letters(studio)
    outbox(studio)
    check_in(studio)
    event_refund(studio)


def an_order(studio: Studio) -> None:
    """The order with the longest story: one whose ticket was refunded."""
    page = studio.page
    studio.visit("billing", "/admin/tickets/ticket/?status__exact=PAID")
    page.locator("#result_list tbody th a").first.click()
    page.locator("a[href*='/tickets/order/'][href*='change']").first.click()
    studio.take("desk-order", whole=True, dark=True)
    page.locator("#refund").click()
    page.locator(".will").wait_for()
    studio.take("desk-refund", whole=True)
    studio.fill(reason="Cambió de planes")
    page.locator("[name=confirmed]").click()
    page.locator(".badge-good").first.wait_for()
    studio.take("desk-refund-result")


def dead_letters(studio: Studio) -> None:
    page = studio.page
    studio.visit("billing", "/admin/dead_letters/deadletter/?status__exact=open", "desk-dead-letters")
    page.locator("#result_list tbody th a").first.click()
    studio.take("desk-dead-letter", whole=True)
    page.go_back()
    page.locator("#result_list [name=_selected_action]").first.check()
    page.locator("[name=action]").select_option("discard")
    page.locator("button[name=index]").click()
    page.locator("[name=confirmed]").wait_for()
    studio.take("desk-dead-letters-discard")


def outbox(studio: Studio) -> None:
    studio.visit("billing", "/admin/outbox/outboxmessage/", "desk-outbox")


def check_in(studio: Studio) -> None:
    """At the desk, and at a gate with a network and without."""
    page = studio.page
    studio.visit("billing", "/admin/tickets/ticket/?status__exact=PAID")
    page.locator("#result_list tbody th a").first.click()
    page.wait_for_load_state()
    ticket = re.search(r"TF-[0-9a-f]{32}", page.content())[0]
    studio.visit("billing", "/admin/check-in/")
    where = page.locator("[name=event]")
    if not where.is_visible():
        page.locator(".gate-where summary").click()
    where.select_option(f"id:{ARENA}")
    studio.fill(gate="Norte")
    studio.take("desk-check-in")
    gate(studio, ticket)
    studio.visit("billing", "/gate/dobles/", "gate-doubles")


def gate(studio: Studio, ticket: str) -> None:
    page = studio.page
    studio.visit("billing", "/gate/")
    page.locator(f"#event option[value='{ARENA}']").wait_for(state="attached")
    page.select_option("#event", str(ARENA))
    page.fill("#gate", "Norte")
    studio.take("gate-setup")
    page.click("#setup-form .button-main")
    page.locator("[data-network=online][data-loaded=true]").wait_for()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    studio.take("gate-ready")
    for name, text in {"green": ticket, "red": ticket, "unknown": "EXT-no-es-nuestro"}.items():
        page.evaluate("document.getElementById('answer').removeAttribute('data-answer')")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        page.locator("#answer[data-answer]").wait_for()
        studio.take(f"gate-{name}")
    page.context.set_offline(True)
    page.reload()
    page.locator("#gate-page:not([hidden]) [data-network=offline]").wait_for()
    studio.take("gate-offline")
    page.context.set_offline(False)


def event_refund(studio: Studio) -> None:
    page = studio.page
    event, name = TO_REFUND[studio.size]
    world = World(studio.stack, None)  # type: ignore[arg-type]
    seats = [seat["id"] for seat in world.reservations.call("GET", f"/api/events/{event}/seats").body["seats"]]
    for number in range(0, 8, 2):
        world.paid(*seats[number : number + 2], email=f"comprador{number}@example.com")
    world.held(seats[8])
    studio.visit("billing", "/admin/event-refunds/")
    option = page.locator("#id_event option", has_text=name)
    page.select_option("#id_event", option.get_attribute("value"))
    page.locator(".filters .button").click()
    studio.take("desk-event-refund-new", whole=True)
    studio.fill(reason="El artista se enfermó")
    page.locator("[name=sure]").check()
    page.locator(".button-danger").click()
    page.locator(".progress").wait_for()
    studio.take("desk-event-refund-waiting")
    progress = page.url
    studio.log_in("reservations", *STAFF)
    studio.visit("reservations", "/admin/events/event/")
    page.locator("#result_list a", has_text=name).first.click()
    page.goto(page.url.replace("/change/", "/cancel/"))
    studio.take("box-office-cancel")
    studio.fill(reason="El artista se enfermó")
    page.locator(".tf-danger-button").click()
    page.locator("[data-when=done]").wait_for(timeout=120_000)
    studio.take("box-office-cancelled")
    page.goto(progress)
    page.locator(".progress[data-state=done]").wait_for(timeout=120_000)
    studio.take("desk-event-refund-done", whole=True)
    studio.visit("billing", "/admin/event-refunds/", "desk-event-refunds")
