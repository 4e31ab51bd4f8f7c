"""From a free seat to a used ticket, by HTTP, through every program."""

import email
from email.message import Message
from pathlib import Path

from tests.world import World, until


def mails_about(world: World, code: str) -> list[Message]:
    """Every mail that was sent about an order, from the folder that the mail backend writes to."""
    files = [path.read_text() for path in Path(world.stack.environments.mail).glob("*")]
    parts = [part.lstrip() for text in files for part in text.split("-" * 79 + "\n")]
    return [found for found in map(email.message_from_string, filter(None, parts)) if code in found.as_string()]


def attachments(mail: Message) -> list[Message]:
    return [part for part in mail.walk() if part.get_content_type() == "application/pdf"]


def test_a_seat_is_reserved_paid_mailed_and_used(world: World) -> None:
    event, (seat, other) = world.make_event(seats=2, price=25_000)
    held = world.held(seat, email="ana@example.com")
    assert world.seat_status(event, seat) == "reserved"
    assert world.arrived(held["code"])["status"] == "pending"

    paid = world.pay(held["code"])
    assert paid.status == 200, paid.body
    assert [t["status"] for t in paid.body["tickets"]] == ["PAID"]
    world.seat_is(event, seat, "sold")
    assert world.seat_status(event, other) == "available"

    ticket = held["seats"][0]["ticket_id"]

    def paid_mail() -> list[Message]:
        return [mail for mail in mails_about(world, held["code"]) if attachments(mail)]

    (mail,) = until("the mail with the PDF", paid_mail)
    (pdf,) = attachments(mail)
    assert pdf.get_payload(decode=True).startswith(b"%PDF")
    document = world.billing.session.get(f"{world.billing.url}/api/tickets/{ticket}/document",
                                         headers={"X-Booking-Code": held["code"]}, timeout=30)  # fmt: skip
    assert (document.status_code, document.headers["Content-Type"]) == (200, "application/pdf")

    staff = world.staff()
    assert staff.check_in(ticket).status == 200
    again = staff.check_in(ticket)
    assert (again.status, again.body["code"]) == (409, "already_used")
    assert staff.refund(ticket).status == 409
    world.at_rest()
    assert len(paid_mail()) == 1, "the mail with the PDF is sent once"


def test_a_refund_frees_the_seat_and_it_is_sold_again_to_another(world: World) -> None:
    event, (seat,) = world.make_event(seats=1)
    first = world.paid(seat)
    world.seat_is(event, seat, "sold")
    assert world.reserve(seat).status == 409

    refunded = world.staff().refund(first["tickets"][0]["external_id"], "no puede ir")
    assert (refunded.status, refunded.body["status"]) == (200, "REFUNDED")
    world.seat_is(event, seat, "available")

    second = world.paid(seat)
    world.seat_is(event, seat, "sold")
    assert second["tickets"][0]["external_id"] != first["tickets"][0]["external_id"]
    world.at_rest()


def test_a_cancelled_hold_is_free_when_billing_has_agreed(world: World) -> None:
    event, seats = world.make_event(seats=2)
    code = world.held(*seats)["code"]
    assert world.cancel(code).status == 202
    for seat in seats:
        world.seat_is(event, seat, "available")
    world.order_is(code, "expired")
    assert world.pay(code).status == 409
    world.at_rest()


def test_a_paid_order_cannot_be_cancelled(world: World) -> None:
    event, (seat,) = world.make_event(seats=1)
    order = world.paid(seat)
    world.seat_is(event, seat, "sold")
    answer = world.cancel(order["code"])
    assert (answer.status, answer.body["code"]) == (409, "paid")
    world.at_rest()


def test_a_hold_that_is_cancelled_before_billing_heard_of_it_cannot_be_paid_later(world: World) -> None:
    event, (seat,) = world.make_event(seats=1)
    with world.without("worker"):
        code = world.held(seat)["code"]
        assert world.cancel(code).status == 202
        assert world.seat_status(event, seat) == "reserved"
    world.seat_is(event, seat, "available")
    world.order_is(code, "expired")
    world.at_rest()
