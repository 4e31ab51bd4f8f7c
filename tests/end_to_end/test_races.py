"""Many at once, through the real servers."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.world import APPROVED, World


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Each call in a thread of its own, all let go at the same moment; their answers in order."""
    barrier = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(index: int) -> None:
        barrier.wait(timeout=30)
        try:
            answers[index] = calls[index]()
        except Exception as error:
            answers[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def test_ten_clients_one_seat_exactly_one_wins(world: World) -> None:
    _event, (seat,) = world.make_event(seats=1)

    def client(rut: int) -> Callable[[], Any]:
        return lambda: other(world).reservations.call("POST", "/api/reserve", {"seat_id": seat, "user_id": rut})

    answers = at_once([client(world.new_rut()) for _ in range(10)])
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 9}
    refused = next(answer.body for answer in answers if answer.status == 409)
    assert refused["error"] == "Asiento no disponible"
    assert refused["status"] == "reserved"
    world.at_rest()


def test_fifty_clients_want_the_same_three_seats_in_different_orders(world: World) -> None:
    _event, seats = world.make_event(seats=3)
    shuffler = random.Random(20)

    def client() -> Callable[[], Any]:
        wanted = shuffler.sample(seats, 3)
        return lambda: other(world).reserve(*wanted)

    answers = at_once([client() for _ in range(50)])
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 49}
    lost = next(answer.body for answer in answers if answer.status == 409)
    assert {seat["seat_id"] for seat in lost["taken"]} == set(seats)
    world.at_rest()


def test_refund_against_check_in_never_both(world: World) -> None:
    event, seats = world.make_event(seats=10)
    order_tickets = [t["external_id"] for t in world.paid(*seats)["tickets"]]
    desk, gate = world.staff(), world.staff()
    for ticket in order_tickets:
        refund, entry = at_once([lambda t=ticket: desk.refund(t), lambda t=ticket: gate.check_in(t)])
        assert sorted([refund.status, entry.status]) == [200, 409], (refund, entry)
    world.at_rest()
    statuses = Counter(world.seat_status(event, seat) for seat in seats)
    assert set(statuses) <= {"available", "sold"}


def test_two_gates_one_ticket_one_is_let_in(world: World) -> None:
    _event, seats = world.make_event(seats=5)
    tickets = [t["external_id"] for t in world.paid(*seats)["tickets"]]
    north, south = world.staff(), world.staff()
    for ticket in tickets:
        calls = [lambda t=ticket: north.check_in(t, "Norte"), lambda t=ticket: south.check_in(t, "Sur")]
        answers = at_once(calls)
        assert sorted(answer.status for answer in answers) == [200, 409]
        assert next(a for a in answers if a.status == 409).body["code"] == "already_used"
    world.at_rest()


def test_a_double_click_on_pay_is_charged_once(world: World) -> None:
    _event, seats = world.make_event(seats=5)
    for seat in seats:
        code = world.held(seat)["code"]
        world.arrived(code)
        answers = at_once([lambda c=code: other(world).pay(c, key=f"click-{c}")] * 2)
        assert 200 in [answer.status for answer in answers]
        assert {answer.status for answer in answers} <= {200, 202}
    world.at_rest()


def test_two_browsers_pay_the_same_order_it_is_charged_once(world: World) -> None:
    _event, seats = world.make_event(seats=5)
    for seat in seats:
        code = world.held(seat)["code"]
        world.arrived(code)
        answers = at_once([lambda c=code: other(world).pay(c), lambda c=code: other(world).pay(c)])
        assert sorted(answer.status for answer in answers) == [200, 409], answers
    world.at_rest()


def test_hold_running_out_against_payment_200_times_never_both_never_neither(world: World) -> None:
    event, seats = world.make_event(seats=20, rows=10, price=1_000)
    codes = {seat: world.held(seat)["code"] for seat in seats}
    for code in codes.values():
        world.arrived(code)
    paid: dict[int, bool] = {}
    delay = 0.2  # seconds by which the payment is later; moved so that both sides go on winning
    for start in range(0, len(seats), 10):
        batch = seats[start : start + 10]
        answers = at_once([lambda c=codes[seat], d=delay: ended_and_paid(other(world), c, d) for seat in batch])
        for seat, (ended, payment) in zip(batch, answers, strict=True):
            assert ended.status in (202, 409), ended.body
            assert payment.status in (200, 409), payment.body
            paid[seat] = payment.status == 200
            delay = max(0.0, delay + (0.02 if paid[seat] else -0.02))
    world.at_rest()
    for seat, was_paid in paid.items():
        assert world.order(codes[seat])["status"] == ("paid" if was_paid else "expired")
        assert world.seat_status(event, seat) == ("sold" if was_paid else "available")
    assert set(paid.values()) == {True, False}, "one side won every time: this was no race"


def ended_and_paid(world: World, code: str, delay: float) -> tuple[Any, Any]:
    """A cancel (the same request as a hold that ran out), and a payment that many seconds after it."""
    ended = world.cancel(code)
    threading.Event().wait(delay)
    return ended, world.pay(code, APPROVED)


def other(world: World) -> World:
    """The same system, seen by a client with connections of its own."""
    return World(world.stack, world.servers)
