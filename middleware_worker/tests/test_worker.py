"""The worker against a real RabbitMQ, with stub sites on real sockets."""

import base64
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from amqp.exceptions import NotFound

from middleware_worker import broker
from middleware_worker.publishing import Publisher
from middleware_worker.tests import processes
from middleware_worker.tests.conftest import Rabbit
from middleware_worker.tests.processes import Program
from middleware_worker.tests.proxy import Proxy
from middleware_worker.tests.stubs import Reply, StubSite, done

Start = Callable[[Program], Program]


@pytest.fixture
def publisher(broker_url: str, rabbit: Rabbit) -> Iterator[Publisher]:
    found = Publisher(broker_url)
    yield found
    found.close()


def test_a_batch_reaches_billing_and_its_answers_reach_reservations(
    env: dict[str, str], publisher: Publisher, start: Start, billing: StubSite, reservations: StubSite
) -> None:
    start(processes.worker(env))
    messages = [{"id": f"m{n}", "type": "ticket.create"} for n in range(3)]
    publisher.carry(source="reservations", messages=messages, queue=broker.TO_BILLING)
    reservations.wait_for(lambda: len(reservations.receipts) == 3, "receipts")
    assert [m["id"] for m in billing.messages] == ["m0", "m1", "m2"]
    assert {r["result"] for r in reservations.receipts} == {"done"}
    assert billing.headers[0]["Authorization"].startswith("Service ")


def refusing(*bad: str) -> Callable[[dict[str, Any]], Reply]:
    """A whole batch with one of these ids in it gets 400."""

    def rule(body: dict[str, Any]) -> Reply:
        if set(bad) & {item["id"] for item in body["messages"]}:
            return 400, {"code": "invalid", "error": "Datos inválidos"}
        return done(body)

    return rule


def results(site: StubSite) -> dict[str, str]:
    return {receipt["id"]: receipt["result"] for receipt in site.receipts}


def batch(*ids: str) -> list[dict[str, Any]]:
    return [{"id": name, "type": "ticket.create"} for name in ids]


def outside(*ids: str) -> list[dict[str, Any]]:
    return [{"type": "ticket.outside", "id": name, "rut": 1, "price": 1, "event": "E"} for name in ids]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_what_billing_tells_goes_to_reservations_and_the_receipts_come_back(
    env: dict[str, str], publisher: Publisher, start: Start, billing: StubSite, reservations: StubSite
) -> None:
    start(processes.worker(env))
    publisher.carry(source="billing", messages=batch("a"), queue=broker.TO_RESERVATIONS)
    billing.wait_for(lambda: results(billing) == {"a": "done"}, "receipt")
    assert [m["id"] for m in reservations.messages] == ["a"]


def test_a_refused_batch_is_split_until_only_the_message_at_fault_is_rejected(
    env: dict[str, str], publisher: Publisher, start: Start, billing: StubSite, reservations: StubSite
) -> None:
    billing.rules["messages"] = refusing("m3", "m7")
    start(processes.worker(env))
    publisher.carry(source="reservations", messages=batch(*(f"m{n}" for n in range(10))), queue=broker.TO_BILLING)
    reservations.wait_for(lambda: len(results(reservations)) == 10, "receipts")
    rejected = [name for name, result in results(reservations).items() if result == "rejected"]
    assert rejected == ["m3", "m7"]


def test_an_answer_that_is_no_verdict_on_the_content_is_a_retry(
    env: dict[str, str], publisher: Publisher, start: Start, billing: StubSite, reservations: StubSite
) -> None:
    start(processes.worker(env))
    for status in (301, 401, 403, 404, 429, 500, 502, 503, 0):
        billing.status = status
        publisher.carry(source="reservations", messages=batch(f"{status}"), queue=broker.TO_BILLING)
        reservations.wait_for(lambda s=status: results(reservations).get(f"{s}") == "retry", f"retry after {status}")


def test_a_batch_is_dropped_when_its_own_outbox_cannot_be_reached_for_the_relay_sends_it_again(
    env: dict[str, str], publisher: Publisher, start: Start, rabbit: Rabbit, billing: StubSite, reservations: StubSite
) -> None:
    reservations.close()
    worker = start(processes.worker(env))
    publisher.carry(source="reservations", messages=batch("a"), queue=broker.TO_BILLING)
    worker.wait_for("the relay sends them again")
    worker.wait_for("carry reservations → billing: 1 messages: 1 done")
    worker.stop()
    assert rabbit.depth(broker.TO_BILLING) == 0


def test_an_outside_ticket_that_billing_rejects_is_a_dead_letter_with_billings_reason(
    env: dict[str, str], publisher: Publisher, start: Start, billing: StubSite
) -> None:
    def conflict(body: dict[str, Any]) -> Reply:
        answers = done(body)[1]["answers"]
        for answer in answers:
            if answer["id"] == "BAD":
                answer.update(result="rejected", code="conflict", error="otro contenido con el mismo id")
        return 200, {"answers": answers}

    billing.rules["messages"] = conflict
    start(processes.worker(env))
    start(processes.ingress(env))
    publisher.carry(source="outside", messages=outside("A", "BAD", "B"), queue=broker.OUTSIDE)
    billing.wait_for(lambda: bool(billing.dead_letters), "the dead letter")
    letter = billing.dead_letters[0]
    assert (letter["code"], letter["reason"]) == ("conflict", "otro contenido con el mismo id")
    assert json.loads(base64.b64decode(letter["body_base64"])) == {"id": "BAD", "rut": 1, "price": 1, "event": "E"}


def test_the_same_id_twice_in_a_batch_is_asked_twice_in_order(
    env: dict[str, str], publisher: Publisher, start: Start, billing: StubSite
) -> None:
    start(processes.worker(env))
    messages = outside("A", "A", "B")
    messages[1]["price"] = 2
    publisher.carry(source="outside", messages=messages, queue=broker.OUTSIDE)
    billing.wait_for(lambda: len(billing.messages) == 3, "messages")
    assert [(m["id"], m["price"]) for m in billing.messages] == [("A", 1), ("B", 1), ("A", 2)]


def test_an_outside_ticket_waits_while_billing_is_unreachable_and_arrives_when_it_is_back(
    env: dict[str, str], publisher: Publisher, start: Start, rabbit: Rabbit, billing: StubSite
) -> None:
    billing.close()
    worker = start(processes.worker({**env, "MIDDLEWARE_PAUSE_SECONDS": "1"}))
    publisher.carry(source="outside", messages=outside("A", "B"), queue=broker.OUTSIDE)
    # More often than the delivery limit allows: putting back counts as no attempt.
    for _ in range(broker.DELIVERY_LIMIT + 2):
        worker.wait_for("2 later billing cannot be reached")
        worker.lines.clear()
    assert rabbit.depth(broker.DEAD_LETTERS) == 0
    billing.reopen()
    billing.wait_for(lambda: {m["id"] for m in billing.messages} == {"A", "B"}, "the tickets")


def test_a_worker_that_is_stopped_in_a_pause_puts_the_message_back(
    env: dict[str, str], publisher: Publisher, start: Start, rabbit: Rabbit, billing: StubSite
) -> None:
    billing.status = 429
    worker = start(processes.worker({**env, "MIDDLEWARE_PAUSE_SECONDS": "600"}))
    publisher.carry(source="outside", messages=outside("A"), queue=broker.OUTSIDE)
    billing.wait_for(lambda: bool(billing.messages), "a first attempt")
    assert worker.stop() == 0
    assert rabbit.depth(broker.OUTSIDE) == 1


def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing(
    env: dict[str, str], publisher: Publisher, start: Start, billing: StubSite, reservations: StubSite
) -> None:
    gate = threading.Event()

    def slow(body: dict[str, Any]) -> Reply:
        gate.wait(30)
        return done(body)

    billing.rules["messages"] = slow
    victim = start(processes.worker(env))
    publisher.carry(source="reservations", messages=batch("a", "b"), queue=broker.TO_BILLING)
    publisher.carry(source="outside", messages=outside("A"), queue=broker.OUTSIDE)
    billing.wait_for(lambda: len(billing.messages) == 3, "both in the worker's hands")
    victim.kill_all()
    gate.set()
    start(processes.worker(env))
    reservations.wait_for(lambda: results(reservations) == {"a": "done", "b": "done"}, "receipts")
    billing.wait_for(lambda: [m["id"] for m in billing.messages].count("A") == 2, "the outside ticket again")


def test_a_message_that_kills_its_worker_four_times_is_a_dead_letter(
    env: dict[str, str], publisher: Publisher, start: Start, billing: StubSite
) -> None:
    worker = start(processes.worker(env, concurrency=1))
    start(processes.ingress(env))
    deaths: list[str] = []

    def deadly(body: dict[str, Any]) -> Reply:
        name = body["messages"][0]["id"]
        if name != "GOOD":
            deaths.append(name)
            for child in children(worker.process.pid):
                os.kill(child, signal.SIGKILL)
        return done(body)

    billing.rules["messages"] = deadly
    publisher.carry(source="outside", messages=outside("DEADLY", "WITH-IT"), queue=broker.OUTSIDE)
    billing.wait_for(lambda: len(billing.dead_letters) == 2, "dead letters", seconds=60)
    assert deaths == ["DEADLY"] * (broker.DELIVERY_LIMIT + 1)
    assert {letter["code"] for letter in billing.dead_letters} == {"delivery_limit"}
    assert {letter["queue"] for letter in billing.dead_letters} == {broker.OUTSIDE}
    publisher.carry(source="outside", messages=outside("GOOD"), queue=broker.OUTSIDE)
    billing.wait_for(lambda: billing.messages[-1]["id"] == "GOOD", "the next one")


def test_a_lifetime_is_the_brokers_time_to_live_and_what_ran_out_is_dropped(
    env: dict[str, str], publisher: Publisher, start: Start, rabbit: Rabbit, billing: StubSite
) -> None:
    publisher.carry(source="billing", messages=batch("x"), queue=broker.TO_RESERVATIONS, lifetime=timedelta(seconds=20))
    with rabbit.connection.channel() as channel:
        message = channel.basic_get(broker.TO_RESERVATIONS)
        assert message.properties["expiration"] == "20000"
        assert message.properties["delivery_mode"] == 2
        channel.basic_ack(message.delivery_tag)
    ingress = start(processes.ingress({**env, "LOG_LEVEL": "DEBUG"}))
    brief = timedelta(milliseconds=50)
    publisher.carry(source="billing", messages=batch("x"), queue=broker.TO_RESERVATIONS, lifetime=brief)
    ingress.wait_for("1 messages of billing ran out")
    assert not billing.dead_letters


def test_a_queue_that_was_deleted_is_declared_again_before_a_publish_counts_as_confirmed(
    publisher: Publisher, rabbit: Rabbit
) -> None:
    publisher.carry(source="outside", messages=outside("A"), queue=broker.OUTSIDE)
    with rabbit.connection.channel() as channel:
        channel.queue_delete(broker.OUTSIDE)
    publisher.carry(source="outside", messages=outside("A"), queue=broker.OUTSIDE)
    assert rabbit.depth(broker.OUTSIDE) == 1


def test_a_pooled_connection_that_was_cut_is_replaced_at_once(rabbit: Rabbit, proxy: Proxy) -> None:
    publisher = Publisher(proxy.url)
    for _ in range(3):
        publisher.carry(source="outside", messages=outside("A"), queue=broker.OUTSIDE)
        proxy.cut()
    publisher.close()
    assert rabbit.depth(broker.OUTSIDE) == 3


def test_a_broker_that_does_not_answer_has_not_confirmed(rabbit: Rabbit, proxy: Proxy) -> None:
    publisher = Publisher(proxy.url)
    publisher.carry(source="outside", messages=outside("A"), queue=broker.OUTSIDE)
    proxy.freeze()
    with pytest.raises(Exception, match="timed out"):
        publisher.carry(source="outside", messages=outside("B"), queue=broker.OUTSIDE)
    proxy.close()
    publisher.close()


def test_the_worker_leaves_no_queue_that_nothing_uses(env: dict[str, str], rabbit: Rabbit, start: Start) -> None:
    start(processes.worker(env)).wait_for("ready.")
    with rabbit.connection.channel() as channel, pytest.raises(NotFound):
        channel.queue_declare("celery_delayed_0", passive=True)
