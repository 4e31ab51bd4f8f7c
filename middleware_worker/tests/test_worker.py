"""The worker against a real RabbitMQ, with stub sites on real sockets."""

from collections.abc import Callable

import pytest

from middleware_worker import broker
from middleware_worker.publishing import Publisher
from middleware_worker.tests import processes
from middleware_worker.tests.conftest import Rabbit
from middleware_worker.tests.processes import Program
from middleware_worker.tests.stubs import StubSite

Start = Callable[[Program], Program]


@pytest.fixture
def publisher(broker_url: str, rabbit: Rabbit) -> Publisher:
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
