"""The box office."""

from tests.screens.desk import STAFF
from tests.screens.portal import ARENA
from tests.screens.studio import Studio


def box_office(studio: Studio) -> None:
    page = studio.page
    studio.log_in("reservations", *STAFF)
    studio.visit("reservations", "/admin/", "box-office", dark=True)
    studio.visit("reservations", "/admin/venues/venue/", "box-office-venues")
    page.locator("#result_list tbody th a").first.click()
    studio.take("box-office-venue", whole=True)
    page.goto(page.url.replace("/change/", "/plan/"))
    studio.take("box-office-plan", whole=True)
    studio.visit("reservations", "/admin/events/event/", "box-office-events")
    studio.visit("reservations", f"/admin/events/event/{ARENA}/change/", "box-office-event", whole=True, dark=True)
    studio.visit("reservations", f"/admin/events/event/{ARENA}/copy/", "box-office-copy", whole=True)
    studio.visit("reservations", f"/admin/events/event/{ARENA}/seats/", "box-office-seats")
    page.locator("[name=tf-by][value=zone]").check()
    page.locator("text.tf-row[data-row=PC-C]").click()
    page.locator(".tf-zones").scroll_into_view_if_needed()
    studio.take("box-office-zones", dark=True)
    studio.visit("reservations", "/admin/reservations/reservation/", "box-office-reservations")
    page.locator("#result_list tbody th a").first.click()
    studio.take("box-office-reservation", whole=True)
