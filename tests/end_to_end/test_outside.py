"""Outside sellers: raw JSON on `new_ticket`, and the HTTP front."""

import base64
import json
import uuid

import amqp
import pytest

from tests.world import World, until

GARBAGE: list[bytes] = [
    b"",
    b"\x00" * 1000,
    b"\xff\xfe\x00",
    b"not json",
    b"[]",
    b"17",
    b"null",
    b'"text"',
    b"{",
    b"[" * 20_000,
    b"{}",
    json.dumps({"id": "x" * 300, "rut": 1, "price": 1, "event": "e"}).encode(),
    b'{"id": "nan", "rut": 1, "price": NaN, "event": "e"}',
    b'{"id": "inf", "rut": 1, "price": Infinity, "event": "e"}',
    b'{"id": "huge", "rut": 1, "price": 1e308, "event": "e"}',
    b'{"rut": 1, "price": 1, "event": "no id"}',
]
MISSING = [
    {"id": "a", "price": 1, "event": "e"},
    {"id": "b", "rut": 1, "event": "e"},
    {"id": "c", "rut": 1, "price": 1},
]
WRONG = [
    {"id": "", "rut": 1, "price": 1, "event": "e"},
    {"id": 7, "rut": 1, "price": 1, "event": "e"},
    {"id": "TF-ours", "rut": 1, "price": 1, "event": "e"},
    {"id": "r0", "rut": 0, "price": 1, "event": "e"},
    {"id": "r1", "rut": 100_000_000, "price": 1, "event": "e"},
    {"id": "r2", "rut": "12.345.678-5", "price": 1, "event": "e"},
    {"id": "r3", "rut": True, "price": 1, "event": "e"},
    {"id": "r4", "rut": 1.5, "price": 1, "event": "e"},
    {"id": "p0", "rut": 1, "price": -1, "event": "e"},
    {"id": "p1", "rut": 1, "price": 1.5, "event": "e"},
    {"id": "p2", "rut": 1, "price": "much", "event": "e"},
    {"id": "p3", "rut": 1, "price": None, "event": "e"},
    {"id": "p4", "rut": 1, "price": [1], "event": "e"},
    {"id": "e0", "rut": 1, "price": 1, "event": ""},
    {"id": "e1", "rut": 1, "price": 1, "event": "x" * 201},
    {"id": "e2", "rut": 1, "price": 1, "event": {"name": "e"}},
]


def malformed() -> list[bytes]:
    """Fifty bodies, no two alike, of which none can be used."""
    bodies = GARBAGE + [json.dumps(body).encode() for body in MISSING + WRONG]
    while len(bodies) < 50:
        bodies.append(f"garbage number {len(bodies)}".encode())
    return bodies


def send(world: World, bodies: list[bytes]) -> None:
    """Nothing but a body: no content type, no headers, no message id."""
    with world.channel() as found:
        found.queue_declare("new_ticket", durable=True, auto_delete=False)
        for body in bodies:
            found.basic_publish(amqp.Message(body), exchange="", routing_key="new_ticket")


def ticket_body(id: str, **fields: object) -> dict[str, object]:
    return {"id": id, "rut": 12_345_678, "price": 5000.00, "event": "Nombre del Evento", **fields}


def billing_has(world: World, id: str) -> dict | None:
    answer = world.billing.call("GET", f"/api/tickets/{id}")
    return answer.body if answer.status == 200 else None


def dead_letters(world: World) -> list[tuple[bytes, str, str]]:
    rows = world.databases.billing_rows("select body, code, reason from dead_letters_deadletter")
    return [(bytes(body), code, reason) for body, code, reason in rows]


def test_fifty_malformed_bodies_among_fifty_good_ones(world: World) -> None:
    before = len(dead_letters(world))
    names = [f"EXT-{uuid.uuid4()}" for _ in range(50)]
    bodies: list[bytes] = []
    for name, bad in zip(names, malformed(), strict=True):
        bodies += [json.dumps(ticket_body(name)).encode(), bad]
    worker, ingress = world.stack.supervisor.pid("worker"), world.stack.supervisor.pid("ingress")
    send(world, bodies)
    for name in names:
        found = until(f"ticket {name}", lambda n=name: billing_has(world, n))
        assert (found["status"], found["rut"], int(found["price"])) == ("PENDING_PAYMENT", 12_345_678, 5000)
    until("fifty dead letters", lambda: len(dead_letters(world)) >= before + 50)
    letters = dead_letters(world)
    assert len(letters) == before + 50
    assert all(reason for _body, _code, reason in letters)
    assert {body for body, _c, _r in letters} >= {body for body in malformed() if len(body) < 60_000}
    assert (world.stack.supervisor.pid("worker"), world.stack.supervisor.pid("ingress")) == (worker, ingress)


def test_the_same_id_again_changes_nothing_and_other_content_is_a_dead_letter(world: World) -> None:
    name = f"EXT-{uuid.uuid4()}"
    body = json.dumps(ticket_body(name)).encode()
    send(world, [body, body, body])
    until("the ticket", lambda: billing_has(world, name))
    send(world, [json.dumps(ticket_body(name, price=1)).encode()])
    until("the conflict", lambda: [c for b, c, _r in dead_letters(world) if name.encode() in b and c == "conflict"])
    assert int(billing_has(world, name)["price"]) == 5000


def test_ids_compare_byte_by_byte(world: World) -> None:
    name = f"EXT-{uuid.uuid4()}-ñ"
    ids = (name, name.upper(), name.replace("ñ", "n"))
    send(world, [json.dumps(ticket_body(one)).encode() for one in ids])
    for one in ids:
        found = until(f"ticket {one}", lambda i=one: billing_has(world, i))
        assert found["external_id"] == one


def test_ten_megabytes_of_zeros_are_a_dead_letter_and_the_next_ticket_goes_on(world: World) -> None:
    name = f"EXT-{uuid.uuid4()}"
    before = len(dead_letters(world))
    send(world, [b"\x00" * 10_000_000, json.dumps(ticket_body(name)).encode()])
    until("the ticket behind it", lambda: billing_has(world, name))
    until("the dead letter", lambda: len(dead_letters(world)) == before + 1)


def test_tickets_sent_while_billing_is_stopped_arrive_once_it_is_back(world: World) -> None:
    names = [f"EXT-{uuid.uuid4()}" for _ in range(20)]
    with world.without("billing"):
        send(world, [json.dumps(ticket_body(name)).encode() for name in names])
    for name in names:
        until(f"ticket {name}", lambda n=name: billing_has(world, n))


def test_worker_and_ingress_killed_while_tickets_come_in(world: World) -> None:
    names = [f"EXT-{uuid.uuid4()}" for _ in range(200)]
    for start in range(0, 200, 50):
        send(world, [json.dumps(ticket_body(name)).encode() for name in names[start : start + 50]])
        for program in ("worker", "ingress"):
            old = world.kill(program)
            world.stack.supervisor.wait_ready(program, other_than=old)
    for name in names:
        until(f"ticket {name}", lambda n=name: billing_has(world, n))
    sql = "select count(*) from tickets_ticket where external_id in ({})"
    assert world.databases.billing_rows(sql.format(",".join(f"'{name}'" for name in names)))[0][0] == 200


def test_http_front_takes_a_ticket_with_a_credential_only(world: World) -> None:
    name = f"EXT-{uuid.uuid4()}"
    taken = world.middleware.call("POST", "/tickets", ticket_body(name))
    assert taken.status == 202, taken.body
    until("the ticket", lambda: billing_has(world, name))
    wrong = world.middleware.call("POST", "/tickets", ticket_body(f"{name}-2", price=1.5))
    assert wrong.status == 400
    assert wrong.body["field"] == "price"
    auth, world.middleware.session.auth = world.middleware.session.auth, None
    try:
        assert world.middleware.call("POST", "/tickets", ticket_body(name)).status == 401
    finally:
        world.middleware.session.auth = auth


def test_http_front_takes_nothing_when_the_broker_cannot_confirm(world: World) -> None:
    name = f"EXT-{uuid.uuid4()}"
    world.servers.rabbitmq.stop()
    try:
        refused = world.middleware.call("POST", "/tickets", ticket_body(name), timeout=60)
        assert refused.status == 503, refused.body
    finally:
        world.servers.rabbitmq.start()
    until(
        "the front takes tickets again",
        lambda: world.middleware.call("POST", "/tickets", ticket_body(f"{name}-b")).status == 202,
    )
    until("the later ticket", lambda: billing_has(world, f"{name}-b"))
    assert billing_has(world, name) is None


def test_dead_letters_are_listed_replayed_and_discarded(world: World) -> None:
    mark = f"garbage {uuid.uuid4()}"
    send(world, [mark.encode()])

    def listed() -> dict | None:
        found = world.operator.call("GET", "/dead-letters").body["dead_letters"]
        return next((letter for letter in found if mark in str(letter) or mark in decoded(letter)), None)

    letter = until("the dead letter in the list", listed)
    assert world.middleware.call("GET", "/dead-letters").status == 403, "a seller reads no one else's letters"
    replayed = world.operator.call("POST", f"/dead-letters/{letter['id']}/replay")
    assert replayed.status in (200, 409), replayed.body
    assert listed() is not None, "what is still unusable stays"
    assert world.operator.call("POST", f"/dead-letters/{letter['id']}/discard").status == 200
    assert listed() is None


def decoded(letter: dict) -> str:
    body = letter.get("body_base64") or ""
    return base64.b64decode(body).decode(errors="replace")


@pytest.mark.parametrize("first", ["producer", "we"])
def test_new_ticket_can_be_declared_by_either_side_first(world: World, first: str) -> None:
    name = f"EXT-{uuid.uuid4()}"
    if first == "producer":
        with world.without("ingress"):
            with world.channel() as found:
                found.queue_delete("new_ticket")
            send(world, [json.dumps(ticket_body(name)).encode()])
    else:
        send(world, [json.dumps(ticket_body(name)).encode()])
    until(f"ticket {name}", lambda: billing_has(world, name))


def test_a_seller_reaches_no_queue_of_ours(world: World) -> None:
    for name in ("ticketflow.to_billing", "ticketflow.to_reservations", "ticketflow.outside"):
        with world.channel() as found, pytest.raises(amqp.NotFound):
            found.queue_declare(name, passive=True)
        with world.channel("ticketflow") as ours:
            ours.queue_declare(name, passive=True)
