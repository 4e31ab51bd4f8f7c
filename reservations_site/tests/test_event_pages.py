"""An event's pages in Chromium, on a phone and on a desk: another date, price zones, the sale, a cancellation."""

from django.urls import reverse
from playwright.sync_api import Page, expect

from middleware_worker.contract.messages import TicketState
from reservations_site.events.models import Event, Seat
from reservations_site.events.tests.factories import hold, make_event
from reservations_site.reservations.selectors import Booking
from reservations_site.reservations.states import apply_ticket_states
from reservations_site.tests.test_seat_page import browser, page  # noqa: F401 (fixtures)


def visit(page: Page, event: Event, name: str) -> None:  # noqa: F811
    page.goto(reverse(f"admin:events_event_{name}", args=[event.id]))
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def tell(booking: Booking, status: str, n: int = 1) -> None:
    apply_ticket_states([TicketState(id=line.ticket_id, status=status, generation=1, n=n) for line in booking.lines])


def test_an_event_is_copied_to_another_date_from_the_list(page: Page) -> None:  # noqa: F811
    event = make_event()
    hold(event, "A-1")
    page.goto(reverse("admin:events_event_changelist"))
    page.locator(".field-copy_link a").first.click()
    page.locator("[name=name]").fill("Segunda función")
    page.locator("[name=starts_at]").fill("2127-03-01T21:00")
    page.locator(".tf-prices input").first.fill("12500")
    page.locator("[type=submit][value='Copiar el evento']").click()
    expect(page.locator(".messagelist")).to_contain_text("borrador")
    expect(page.locator("[name=starts_at]")).to_have_value("2127-03-01T21:00")
    copy = Event.objects.get(name="Segunda función")
    assert (copy.status, int(copy.sections.get().price), copy.seats.count()) == ("draft", 12_500, 24)
    assert set(copy.seats.values_list("status", flat=True)) == {"available"}


def test_zones_are_priced_on_the_picture_and_the_step_is_undone_by_keyboard_alone(page: Page) -> None:  # noqa: F811
    event = make_event()
    sold = hold(event, "A-2")
    tell(sold, "PAID")
    visit(page, event, "seats")
    first, second = (page.locator(f'.tf-seat[data-label="A-{number}"]') for number in (1, 2))
    first.focus()
    page.keyboard.press("Shift+Space")
    expect(page.locator("[name=labels]")).to_have_value(", ".join(f"A-{number}" for number in range(1, 9)))
    page.locator("[name=zone]").focus()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    page.keyboard.type("Preferente")
    page.keyboard.press("Tab")
    page.keyboard.type("18000")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("7 asientos quedaron en la zona")
    expect(page.locator(".messagelist")).to_contain_text("A-2 (vendido)")
    expect(first).to_have_attribute("aria-label", "Preferente, $18.000, fila A, asiento 1, libre")
    expect(second).to_have_attribute("aria-label", "Platea, $10.000, fila A, asiento 2, vendido")
    assert sold.reservation.lines.get().price == 10_000
    page.locator("[name=undo]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Se deshizo el último paso")
    expect(first).to_have_attribute("aria-label", "Platea, $10.000, fila A, asiento 1, libre")
    assert set(Seat.objects.filter(event=event).values_list("section__name", flat=True)) == {"Platea"}


def test_a_row_and_a_zone_are_chosen_by_a_tap(page: Page) -> None:  # noqa: F811
    visit(page, make_event(), "seats")
    page.locator("text.tf-row[data-row=B]").click()
    expect(page.locator("[name=labels]")).to_have_value(", ".join(f"B-{number}" for number in range(1, 9)))
    page.locator(".tf-zone-button").click()
    expect(page.locator(".tf-seat.tf-on")).to_have_count(24)
    page.locator(".tf-zone-button").click()
    expect(page.locator(".tf-seat.tf-on")).to_have_count(0)
    page.locator("[name=tf-by][value=zone]").check()
    expect(page.locator("svg.tf-by-zone")).to_be_visible()


def test_the_page_of_an_event_shows_how_the_sale_goes(page: Page) -> None:  # noqa: F811
    event = make_event()
    tell(hold(event, "A-1", "A-2"), "PAID")
    visit(page, event, "change")
    expect(page.get_by_role("img", name="Ventas por hora: 2 asientos pagados").locator("rect")).to_have_count(1)
    page.get_by_text("Ver los números").first.click()
    expect(page.locator(".tf-numbers td").first).to_have_text("2")
    expect(page.locator(".tf-sums tbody tr").first).to_contain_text("$20.000")


def test_a_cancellation_is_watched_to_its_end_without_a_reload(page: Page) -> None:  # noqa: F811
    event = make_event()
    paid, held = hold(event, "A-1", rut=1), hold(event, "A-2", rut=2)
    tell(paid, "PAID")
    visit(page, event, "cancel")
    page.locator("[name=reason]").fill("Lluvia")
    page.locator(".tf-danger-button").click()
    expect(page.locator("[data-count=left]")).to_have_text("2")
    tell(paid, "REFUNDED", n=2)
    expect(page.locator("[data-count=ended]")).to_have_text("1", timeout=30_000)
    tell(held, "EXPIRED")
    expect(page.locator("[data-when=done]")).to_be_visible(timeout=30_000)
    expect(page.locator("[data-count=left]")).to_have_text("0")
