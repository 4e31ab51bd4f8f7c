"""Real servers stopped, real processes killed: every ticket arrives, and arrives once."""

import time

import requests

from tests.world import HEALED_WITHIN, World, until


def sell(world: World, seats: list[int]) -> list[str]:
    """Sells the seats one by one, two at a time for one buyer; the codes."""
    return [world.held(*seats[start : start + 2])["code"] for start in range(0, len(seats), 2)]


def all_arrived_once(world: World, codes: list[str]) -> None:
    world.at_rest(within=HEALED_WITHIN)
    for code in codes:
        order = world.order(code)
        assert order is not None, code
        assert [ticket["status"] for ticket in order["tickets"]] == ["PENDING_PAYMENT"] * 2


def test_broker_stopped_while_200_seats_are_sold(world: World) -> None:
    _event, seats = world.make_event(seats=20, rows=10)
    world.servers.rabbitmq.stop()
    try:
        codes = sell(world, seats)
        health = world.middleware.call("GET", "/health")
        assert health.status == 503
    finally:
        world.servers.rabbitmq.start()
    all_arrived_once(world, codes)
    until("the middleware is healthy again", lambda: world.middleware.call("GET", "/health").status == 200)


def test_queues_purged_while_tickets_are_on_their_way(world: World) -> None:
    _event, seats = world.make_event(seats=20, rows=2)
    with world.without("worker"):
        codes = sell(world, seats)
        until("the relay has published", lambda: published(world, codes))
        # Again, should they just have run out: the relay then publishes them anew.
        until("messages are purged", lambda: world.purge("ticketflow.to_billing") > 0)
    all_arrived_once(world, codes)


def test_broker_loses_its_data_folder(world: World) -> None:
    _event, seats = world.make_event(seats=20, rows=2)
    with world.without("worker"):
        codes = sell(world, seats)
        until("the relay has published", lambda: published(world, codes))
        world.servers.rabbitmq.kill()
        world.servers.rabbitmq.wipe()
        world.servers.rabbitmq.start()
    all_arrived_once(world, codes)


def test_worker_killed_in_the_middle_of_batches(world: World) -> None:
    _event, seats = world.make_event(seats=20, rows=10)
    codes = []
    for start in range(0, len(seats), 40):
        codes += sell(world, seats[start : start + 40])
        old = world.kill("worker")
        world.stack.supervisor.wait_ready("worker", other_than=old)
    all_arrived_once(world, codes)


def test_relay_killed_between_publish_and_receipt(world: World) -> None:
    _event, seats = world.make_event(seats=20, rows=2)
    with world.without("worker"):
        codes = sell(world, seats)
        until("the relay has published", lambda: published(world, codes))
        old = world.kill("reservations-relay")
        world.stack.supervisor.wait_ready("reservations-relay", other_than=old)
    all_arrived_once(world, codes)


def test_billing_stopped_while_200_seats_are_sold(world: World) -> None:
    _event, seats = world.make_event(seats=20, rows=10)
    with world.without("billing"):
        codes = sell(world, seats)
    all_arrived_once(world, codes)


def test_reservations_stopped_while_tickets_are_paid_and_refunded(world: World) -> None:
    event, seats = world.make_event(seats=4)
    orders = [world.held(seat)["code"] for seat in seats]
    for code in orders:
        world.arrived(code)
    staff = world.staff()
    with world.without("reservations"):
        for code in orders:
            assert world.pay(code).status == 200
        assert staff.refund(world.order(orders[0])["tickets"][0]["external_id"]).status == 200
    world.at_rest()
    assert [world.seat_status(event, seat) for seat in seats] == ["available", "sold", "sold", "sold"]


def test_postgres_killed_while_selling_answers_503_and_loses_nothing(world: World) -> None:
    """A client that repeats under its key until it is answered has each seat once."""
    _event, seats = world.make_event(seats=20)
    codes = []
    for number, seat in enumerate(seats):
        if number == 10:
            world.servers.postgres.kill()
            refused = world.reservations.call("GET", "/health")
            assert (refused.status, refused.body["status"]) == (503, "unhealthy")
            assert world.reserve(seat).status == 503
            world.servers.postgres.start()
        key, rut = f"postgres-killed-{seat}", world.new_rut()

        def answered(seat: int = seat, rut: int = rut, key: str = key) -> str | None:
            answer = world.reserve(seat, rut=rut, key=key)
            assert answer.status in (201, 503), answer.body
            return answer.body["code"] if answer.status == 201 else None

        codes.append(until(f"seat {seat} reserved", answered))
    assert len(set(codes)) == len(seats)
    world.at_rest()


def test_mariadb_killed_while_carrying(world: World) -> None:
    _event, seats = world.make_event(seats=20, rows=2)
    codes = sell(world, seats[:20])
    world.servers.mariadb.kill()
    codes += sell(world, seats[20:])
    unavailable = world.billing.call("GET", f"/api/orders/{codes[0]}")
    assert unavailable.status == 503
    assert "Retry-After" in unavailable.headers
    world.servers.mariadb.start()
    all_arrived_once(world, codes)


def published(world: World, codes: list[str]) -> bool:
    """Whether the broker has confirmed a message about each of the reservations."""
    names = ",".join(f"'{code}'" for code in codes)
    sql = f"select count(*) from outbox_outboxmessage where aggregate in ({names}) and published_at is not null"
    return world.databases.reservations_rows(sql)[0][0] == len(codes)


def test_every_program_heals_after_kill_9(world: World) -> None:
    killed = {name: world.kill(name) for name in world.stack.supervisor.names if world.stack.supervisor.pid(name)}
    for name, old in killed.items():
        world.stack.supervisor.wait_ready(name, other_than=old, timeout=60)
    deadline = time.monotonic() + 30
    while True:
        try:
            assert world.reservations.call("GET", "/health").status == 200
            break
        except requests.ConnectionError:
            assert time.monotonic() < deadline
    event, (seat,) = world.make_event(seats=1)
    world.paid(seat)
    world.seat_is(event, seat, "sold")
    world.at_rest()
