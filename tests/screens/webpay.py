"""What a buyer sees who pays at Webpay: each way back from its page."""

from tests.screens.portal import choose, reserve
from tests.screens.studio import Studio

WAYS = ("aborted", "timed-out", "failed", "refused")


def webpay(studio: Studio) -> None:
    page = studio.page
    choose(studio, seats=1)
    reserve(studio)
    studio.take("webpay-hold")
    for way in WAYS:
        page.locator("#pay").click()
        page.locator(f"#{way}").click()
        studio.order_is("declined")
        studio.take(f"webpay-{way}")
    page.locator("#pay").click()
    page.locator("#agreed").wait_for()
    page.go_back()
    order = page.url
    page.goto(order)
    studio.order_is("at_form")
    studio.take("webpay-open")
    page.locator("#to-webpay").click()
    page.locator("#agreed").wait_for()
    with studio.without("billing"):
        page.locator("#agreed").click()
        page.locator("[data-asks-again]").wait_for()
        studio.take("webpay-billing-silent")
    studio.order_is("paid")
