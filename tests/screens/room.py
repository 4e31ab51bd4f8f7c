"""A waiting room, as a buyer and as staff see it."""

from tests.end_to_end.test_waiting_room import MAKE_ROOM, PAUSE
from tests.screens.desk import STAFF
from tests.screens.studio import Studio
from tests.world import World


def room(studio: Studio) -> None:
    page = studio.page
    event, _seats = World(studio.stack, None).make_event(seats=24, rows=8, price=45_000)  # type: ignore[arg-type]

    def in_reservations(code: str, **values: object) -> None:
        studio.stack.manage("reservations", "shell", "-v0", "-c", code.format(event=event, **values))

    in_reservations(MAKE_ROOM, opens_in=45)
    studio.visit("portal", f"/evento/{event}", "room-door")
    page.locator("#join").click()
    page.locator("#room[data-phase=before]").wait_for()
    studio.take("room-before", dark=True)
    in_reservations(PAUSE, paused=True)
    page.locator("[data-when=paused]").wait_for()
    studio.take("room-place", dark=True)
    other = page.context.new_page()
    page, studio.page = other, other
    studio.log_in("reservations", *STAFF)
    studio.visit("reservations", f"/admin/events/event/{event}/room/", "box-office-room", whole=True, dark=True)
    in_reservations(PAUSE, paused=False)
    studio.visit("portal", f"/embed/{event}/", "room-embed")
