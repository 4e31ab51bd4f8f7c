"""What becomes of the money when the gateway misbehaves."""

from tests.world import DECLINED, DIES_AFTER_CAPTURE, SLOW, World, until


def charges(world: World, code: str) -> list[tuple[str, str]]:
    sql = (
        "select a.reference, a.status from payments_paymentattempt a join tickets_order o on o.id = a.order_id "
        f"where o.code = '{code}' order by a.id"
    )
    return world.databases.billing_rows(sql)


def test_gateway_dies_after_capturing_the_order_is_paid_once(world: World) -> None:
    event, (seat,) = world.make_event(seats=1)
    code = world.held(seat)["code"]
    world.arrived(code)
    before = world.databases.charged()
    answer = world.pay(code, DIES_AFTER_CAPTURE)
    assert (answer.status, answer.body["code"]) == (202, "unknown")
    assert world.pay(code).status == 409, "nobody pays twice while the first outcome is unknown"
    world.order_is(code, "paid")
    world.seat_is(event, seat, "sold")
    assert world.databases.charged() - before == 10_000
    assert [status for _ref, status in charges(world, code)] == ["captured"]
    world.at_rest()


def test_slow_gateway_that_captures_after_the_time_out_is_settled_by_asking(world: World) -> None:
    event, (seat,) = world.make_event(seats=1)
    code = world.held(seat)["code"]
    world.arrived(code)
    assert world.pay(code, SLOW).status == 202
    world.order_is(code, "paid")
    world.seat_is(event, seat, "sold")
    world.at_rest()


def test_declined_card_leaves_the_hold_and_another_card_pays(world: World) -> None:
    event, (seat,) = world.make_event(seats=1)
    code = world.held(seat)["code"]
    world.arrived(code)
    refused = world.pay(code, DECLINED)
    assert (refused.status, refused.body["code"]) == (402, "declined")
    assert world.seat_status(event, seat) == "reserved"
    assert world.pay(code).status == 200
    world.seat_is(event, seat, "sold")
    world.at_rest()


def test_hold_that_runs_out_while_the_outcome_is_unknown_waits_for_it(world: World) -> None:
    event, (seat,) = world.make_event(seats=1)
    code = world.held(seat)["code"]
    world.arrived(code)
    with world.without("billing-jobs"):
        assert world.pay(code, DIES_AFTER_CAPTURE).status == 202
        assert world.cancel(code).status == 202
        until("billing was asked", lambda: world.databases.reservations_rows(ASKED.format(code))[0][0] > 0)
        assert world.seat_status(event, seat) == "reserved"
    world.order_is(code, "paid")
    world.seat_is(event, seat, "sold")
    world.at_rest()


def test_billing_killed_while_the_gateway_is_charging_settles_to_one_charge(world: World) -> None:
    event, (seat,) = world.make_event(seats=1)
    code = world.held(seat)["code"]
    world.arrived(code)
    before = world.databases.charged()
    outcome: list[object] = []

    def pay() -> None:
        try:
            outcome.append(World(world.stack, world.servers).pay(code, SLOW))
        except Exception as error:
            outcome.append(error)

    import threading

    thread = threading.Thread(target=pay)
    thread.start()
    until("the attempt is written down", lambda: charges(world, code), every=0.02)
    old = world.kill("billing")
    thread.join(60)
    world.stack.supervisor.wait_ready("billing", other_than=old)
    world.order_is(code, "paid")
    world.seat_is(event, seat, "sold")
    assert world.databases.charged() - before == 10_000
    world.at_rest()


ASKED = (
    "select count(*) from outbox_outboxmessage where aggregate = '{}' and type = 'ticket.expire' "
    "and state = 0 and last_error <> ''"
)
