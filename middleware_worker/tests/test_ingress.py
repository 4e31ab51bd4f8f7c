"""The ingress against a real RabbitMQ: what producers of any kind put on `new_ticket`."""

import base64
import json
from collections.abc import Callable
from typing import Any

import amqp
import pytest

from middleware_worker import broker
from middleware_worker.tests import processes
from middleware_worker.tests.conftest import Rabbit
from middleware_worker.tests.processes import Program
from middleware_worker.tests.stubs import Reply, StubSite

Start = Callable[[Program], Program]


def put(rabbit: Rabbit, *bodies: bytes | str, declare: dict[str, Any] | None = None) -> None:
    """As pika does it: declare without arguments, publish a body and nothing else."""
    with rabbit.connection.channel() as channel:
        channel.queue_declare(broker.NEW_TICKET, durable=True, auto_delete=False, arguments=declare)
        for body in bodies:
            channel.basic_publish(amqp.Message(body), exchange="", routing_key=broker.NEW_TICKET)


def ticket(id: str, **fields: Any) -> str:
    return json.dumps({"id": id, "rut": 12345678, "price": 5000.00, "event": "Nombre del Evento", **fields})


MALFORMED = [
    b"", b"no json", b"\xff\xfe\x00", b"[]", b'"text"', b"null", b"[" * 60_000, b'{"a":' * 9_000, b"{}", b"0" * 100_000,
    *(ticket(f"BAD-{n}", **fields) for n, fields in enumerate([
        {"rut": None}, {"rut": 0}, {"rut": 100_000_000}, {"rut": "12.345.678-5"}, {"rut": True}, {"rut": 1.5}, {"rut": []},
        {"price": -1}, {"price": 0.5}, {"price": "x"}, {"price": float("nan")}, {"price": float("inf")}, {"price": None},
        {"price": 10**12}, {"price": True}, {"price": {}}, {"event": ""}, {"event": "x" * 201}, {"event": 5},
        {"event": "a\nb"}, {"event": " a"}, {"event": None}, {"event": "\ud800"}, {"rut": "9" * 30}, {"price": "1e400"},
    ])),
    ticket(""), ticket("x" * 129), ticket("x" * 300), ticket("TF-1"), ticket("tf-1"), ticket("a\x00b"), ticket(" a"), ticket("a "),
    json.dumps({"rut": 1, "price": 1, "event": "E"}), json.dumps({"id": "A", "price": 1, "event": "E"}),
    json.dumps({"id": "A", "rut": 1, "event": "E"}), json.dumps({"id": "A", "rut": 1, "price": 1}),
    '{"id": "A", "rut": 1, "price": 1e400, "event": "E"}', '{"id": "A", "rut": -Infinity, "price": 1, "event": "E"}', "{'id': 'A'}",
]  # fmt: skip


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
