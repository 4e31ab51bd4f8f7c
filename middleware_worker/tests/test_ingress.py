"""The ingress against a real RabbitMQ: what producers of any kind put on `new_ticket`."""

import base64
import json
import os
import threading
from collections.abc import Callable
from typing import Any

import amqp
import pytest

from middleware_worker import broker
from middleware_worker.ingress import NewTickets
from middleware_worker.tests import processes
from middleware_worker.tests.conftest import Rabbit
from middleware_worker.tests.processes import Program
from middleware_worker.tests.proxy import Proxy
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


WRONG_RUTS = [None, 0, 100_000_000, "12.345.678-5", True, 1.5, [], "9" * 30]
WRONG_PRICES = [-1, 0.5, "x", float("nan"), float("inf"), None, 10**12, True, {}, "1e400"]
WRONG_EVENTS = ["", "x" * 201, 5, "a\nb", " a", None, "\ud800"]
WRONG_IDS = ["", "x" * 129, "x" * 300, "TF-1", "tf-1", "a\x00b", " a", "a "]
NO_TICKETS = [b"", b"no json", b"\xff\xfe\x00", b"[]", b'"text"', b"null", b"{}", b"0" * 100_000]
BOMBS = [b"[" * 60_000, b'{"a":' * 9_000, b'{"id": "A", "rut": 1, "price": 1e400, "event": "E"}']
WHOLE = {"id": "A", "rut": 1, "price": 1, "event": "E"}
MALFORMED: list[bytes | str] = [
    *NO_TICKETS,
    *BOMBS,
    *(ticket("BAD", rut=rut) for rut in WRONG_RUTS),
    *(ticket("BAD", price=price) for price in WRONG_PRICES),
    *(ticket("BAD", event=event) for event in WRONG_EVENTS),
    *(ticket(name) for name in WRONG_IDS),
    *(json.dumps({key: value for key, value in WHOLE.items() if key != missing}) for missing in WHOLE),
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
    # Two processes carry: which batch comes first is not promised.
    assert next(m for m in billing.messages if m["id"] == "GOOD-0") == {
        "type": "ticket.outside", "id": "GOOD-0", "rut": 12345678, "price": 5000, "event": "Nombre del Evento",
    }  # fmt: skip
    for letter in billing.dead_letters:
        assert letter["reason"], letter
        assert letter["queue"] == "new_ticket"
        assert letter["code"] in {"too_large", "not_utf8", "not_json", "not_an_object", "invalid"}
    large = next(letter for letter in billing.dead_letters if letter["code"] == "too_large")
    assert (large["size"], len(base64.b64decode(large["body_base64"]))) == (100_000, 65_536)
    assert len({letter["delivery_id"] for letter in billing.dead_letters}) == 50


def test_a_queue_that_a_producer_declared_first_is_used_as_it_is(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite
) -> None:
    put(rabbit, ticket("FIRST"), declare={"x-queue-type": "quorum"})
    start(processes.worker(env))
    start(processes.ingress(env))
    billing.wait_for(lambda: [m["id"] for m in billing.messages] == ["FIRST"], "the ticket")


def test_a_producer_may_declare_without_arguments_after_us(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite
) -> None:
    start(processes.worker(env))
    start(processes.ingress(env)).wait_for("new_ticket: consuming")
    put(rabbit, ticket("SECOND"))
    billing.wait_for(lambda: [m["id"] for m in billing.messages] == ["SECOND"], "the ticket")


def test_ten_megabytes_are_a_dead_letter_and_the_next_ticket_goes_on(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite
) -> None:
    put(rabbit, b"\x00" * 10_000_000, ticket("NEXT"))
    start(processes.worker(env))
    start(processes.ingress(env))
    billing.wait_for(lambda: bool(billing.messages and billing.dead_letters), "both")
    assert billing.dead_letters[0]["size"] == 10_000_000
    assert billing.messages[0]["id"] == "NEXT"


def test_dead_letters_are_held_while_billing_is_away_and_tickets_are_still_taken(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite
) -> None:
    billing.status = 503
    ingress = start(processes.ingress(env))
    ingress.wait_for("new_ticket: consuming")
    put(rabbit, b"garbage")
    ingress.wait_for("dead letters are held")
    put(rabbit, ticket("GOOD"))
    ingress.wait_for("new_ticket: 1 taken, 0 dead letters")
    assert rabbit.depth(broker.OUTSIDE) == 1
    billing.calls.clear()
    billing.status = None
    billing.wait_for(lambda: len(billing.dead_letters) == 1, "the dead letter")


def test_a_dead_letter_that_billing_refuses_stays_and_the_others_go_on(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite
) -> None:
    stored: list[str] = []

    def store(body: dict[str, Any]) -> Reply:
        bodies = [base64.b64decode(letter["body_base64"]).decode() for letter in body["dead_letters"]]
        if "refused" in bodies:
            return 400, {"code": "invalid", "error": "no"}
        stored.extend(bodies)
        return 200, {"stored": len(bodies)}

    billing.rules["dead-letters"] = store
    put(rabbit, b"one", b"refused", b"two")
    ingress = start(processes.ingress(env))
    ingress.wait_for("billing refuses a dead letter of new_ticket (not_json), it is kept")
    billing.wait_for(lambda: sorted(stored) == ["one", "two"], "the others")
    assert ingress.stop() == 0
    assert rabbit.settles_at(broker.DEAD_LETTERS, 1)


@pytest.mark.parametrize("unconfirmed", ["carry", "dead_letter"])
def test_nothing_is_acked_before_the_broker_has_confirmed_all_of_the_batch(
    unconfirmed: str, broker_url: str, rabbit: Rabbit
) -> None:
    stop = threading.Event()

    class Refusing:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return self.refuse if name == unconfirmed else lambda *_args, **_how: None

        def refuse(self, *_args: Any, **_how: Any) -> None:
            stop.set()
            raise OSError("not confirmed")

    put(rabbit, ticket("GOOD"), b"garbage")
    NewTickets(Refusing(), connect=lambda: broker.connection(broker_url), stop=stop).run()
    assert rabbit.settles_at(broker.NEW_TICKET, 2)


def test_a_dead_letter_is_not_acked_before_billing_has_stored_it(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite
) -> None:
    billing.status = 503
    ingress = start(processes.ingress(env))
    ingress.wait_for("ticketflow.dead_letters: consuming")
    put(rabbit, b"garbage")
    ingress.wait_for("dead letters are held")
    assert ingress.stop() == 0
    assert rabbit.settles_at(broker.DEAD_LETTERS, 1)


def test_an_ingress_killed_at_any_moment_loses_no_ticket(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite
) -> None:
    names = {f"T{n}" for n in range(1500)}
    put(rabbit, *[ticket(name) for name in sorted(names)])
    start(processes.worker(env))
    for _ in range(3):
        victim = start(processes.ingress(env))
        victim.wait_for("taken, 0 dead letters")
        victim.kill_all()
    start(processes.ingress(env))
    billing.wait_for(lambda: {m["id"] for m in billing.messages} == names, "all tickets")


def test_cut_connections_are_made_again_and_nothing_is_lost(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite, proxy: Proxy
) -> None:
    worker = start(processes.worker({**env, "BROKER_URL": proxy.url}))
    ingress = start(processes.ingress({**env, "BROKER_URL": proxy.url}))
    worker.wait_for("ready.")
    ingress.wait_for("new_ticket: consuming")
    names: set[str] = set()
    for round_ in range(3):
        some = {f"R{round_}-{n}" for n in range(20)}
        put(rabbit, *[ticket(name) for name in sorted(some)])
        proxy.cut()
        names |= some
        expected = frozenset(names)
        billing.wait_for(lambda e=expected: {m["id"] for m in billing.messages} == e, f"tickets of round {round_}")
    assert ingress.process.poll() is None


def test_sellers_may_have_a_virtual_host_of_their_own(
    env: dict[str, str], rabbit: Rabbit, start: Start, billing: StubSite
) -> None:
    sellers = os.environ["SELLERS_BROKER_URL"]
    assert sellers != env["BROKER_URL"]
    with broker.connection(sellers) as there:
        put(Rabbit(there), ticket("EXT-APART"))
        start(processes.worker(env))
        start(processes.ingress({**env, "SELLERS_BROKER_URL": sellers}))
        billing.wait_for(lambda: [m["id"] for m in billing.messages] == ["EXT-APART"], "the ticket")
        assert Rabbit(there).settles_at(broker.NEW_TICKET, 0)
    with rabbit.connection.channel() as channel, pytest.raises(amqp.NotFound):
        channel.queue_declare(broker.NEW_TICKET, passive=True)
