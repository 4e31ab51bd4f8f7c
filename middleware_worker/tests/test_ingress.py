"""The ingress against a real RabbitMQ: what producers of any kind put on `new_ticket`."""

import base64
import json
from collections.abc import Callable
from typing import Any

import amqp

from middleware_worker import broker
from middleware_worker.tests import processes
from middleware_worker.tests.conftest import Rabbit
from middleware_worker.tests.processes import Program
from middleware_worker.tests.stubs import StubSite

Start = Callable[[Program], Program]


def put(rabbit: Rabbit, *bodies: bytes | str, declare: dict[str, Any] | None = None) -> None:
    """As pika does it: declare without arguments, publish a body and nothing else."""
    with rabbit.connection.channel() as channel:
        channel.queue_declare(broker.NEW_TICKET, durable=True, auto_delete=False, arguments=declare)
        for body in bodies:
            channel.basic_publish(amqp.Message(body), exchange="", routing_key=broker.NEW_TICKET)


def ticket(id: str, **fields: Any) -> str:
    return json.dumps({"id": id, "rut": 12345678, "price": 5000.00, "event": "Nombre del Evento", **fields})


WRONG_RUTS = [None, 0, 100_000_000, "12.345.678-5", True, 1.5, [], "9" * 30]
WRONG_PRICES = [-1, 0.5, "x", float("nan"), float("inf"), None, 10**12, True, {}, "1e400"]
WRONG_EVENTS = ["", "x" * 201, 5, "a\nb", " a", None, "\ud800"]
WRONG_IDS = ["", "x" * 129, "x" * 300, "TF-1", "tf-1", "a\x00b", " a", "a "]
NO_TICKETS = [b"", b"no json", b"\xff\xfe\x00", b"[]", b'"text"', b"null", b"{}", b"0" * 100_000]
BOMBS = [b"[" * 60_000, b'{"a":' * 9_000, b'{"id": "A", "rut": 1, "price": 1e400, "event": "E"}']
MALFORMED: list[bytes | str] = [
    *NO_TICKETS,
    *BOMBS,
    *(ticket("BAD", rut=rut) for rut in WRONG_RUTS),
    *(ticket("BAD", price=price) for price in WRONG_PRICES),
    *(ticket("BAD", event=event) for event in WRONG_EVENTS),
    *(ticket(name) for name in WRONG_IDS),
    *(json.dumps({key: 1 for key in ("id", "rut", "price", "event") if key != missing}) for missing in ("id", "rut")),
    "{'id': 'A', 'rut': 1, 'price': 1, 'event': 'E'}",
    '{"id": "A", "rut": -Infinity, "price": 1, "event": "E"}',
]


def test_fifty_malformed_among_fifty_good_are_fifty_tickets_and_fifty_dead_letters(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite
) -> None:
    assert len(MALFORMED) == 50
    put(rabbit, *[body for n, bad in enumerate(MALFORMED) for body in (ticket(f"GOOD-{n}"), bad)])
    start(processes.worker(env))
    start(processes.ingress(env))
    billing.wait_for(lambda: len(billing.messages) == 50 and len(billing.dead_letters) == 50, "50 and 50")
    assert sorted(m["id"] for m in billing.messages) == sorted(f"GOOD-{n}" for n in range(50))
    assert billing.messages[0] == {
        "type": "ticket.outside", "id": "GOOD-0", "rut": 12345678, "price": 5000, "event": "Nombre del Evento",
    }  # fmt: skip
    for letter in billing.dead_letters:
        assert letter["reason"], letter
        assert letter["queue"] == "new_ticket"
        assert letter["code"] in {"too_large", "not_utf8", "not_json", "not_an_object", "invalid"}
    large = next(letter for letter in billing.dead_letters if letter["code"] == "too_large")
    assert (large["size"], len(base64.b64decode(large["body_base64"]))) == (100_000, 65_536)
    assert len({letter["delivery_id"] for letter in billing.dead_letters}) == 50
