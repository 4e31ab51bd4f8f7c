"""A clean broker and two stub sites. BROKER_URL names a RabbitMQ vhost that nobody else uses."""

import os
import threading
from collections.abc import Callable, Iterator

import pytest
from amqp.exceptions import NotFound
from kombu import Connection, pools

from middleware_worker import broker
from middleware_worker.tests.processes import Program
from middleware_worker.tests.proxy import Proxy
from middleware_worker.tests.stubs import StubSite

KEY = "test-worker-key-00000000000000000000"
SELLER_KEY = "test-seller-key-00000000000000000000"


@pytest.fixture(scope="session")
def broker_url() -> str:
    url = os.environ.get("BROKER_URL", "")
    if not url.startswith("amqp://"):
        pytest.fail("BROKER_URL must name a RabbitMQ vhost of the tests' own, e.g. amqp://guest:guest@127.0.0.1/tests")
    return url


@pytest.fixture
def rabbit(broker_url: str) -> Iterator["Rabbit"]:
    """The broker without any queue of ours. Refuses a vhost in which somebody consumes."""
    with broker.connection(broker_url) as connection:
        found = Rabbit(connection)
        found.clear()
        # Pooled connections of earlier tests remember having declared what is gone now.
        pools.reset()
        yield found


class Rabbit:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def clear(self) -> None:
        for name in NAMES:
            # The broker needs a moment to see that the programs of the test before are gone.
            for pause in (0.1,) * 50:
                if not self._consumers(name):
                    break
                threading.Event().wait(pause)
            else:
                pytest.fail(f"{name} has consumers: BROKER_URL must name a vhost of the tests' own")
            with self.connection.channel() as channel:
                channel.queue_delete(name)

    def _consumers(self, name: str) -> int:
        try:
            with self.connection.channel() as channel:
                return int(channel.queue_declare(name, passive=True).consumer_count)
        except NotFound:
            return 0

    def depth(self, name: str) -> int:
        """Messages that are ready in the queue."""
        with self.connection.channel() as channel:
            return int(channel.queue_declare(name, passive=True).message_count)

    def settles_at(self, name: str, count: int) -> bool:
        """Whether that many messages are ready there, now or soon: what a consumer gave back takes a moment."""
        for pause in (0.1,) * 50:
            if self.depth(name) == count:
                return True
            threading.Event().wait(pause)
        return False


NAMES = [broker.NEW_TICKET, *(queue.name for queue in broker.carry_queues), broker.DEAD_LETTERS]


@pytest.fixture
def billing() -> Iterator[StubSite]:
    site = StubSite()
    yield site
    site.close()


@pytest.fixture
def reservations() -> Iterator[StubSite]:
    site = StubSite()
    yield site
    site.close()


@pytest.fixture
def env(broker_url: str, billing: StubSite, reservations: StubSite) -> dict[str, str]:
    """The environment of the programs under test."""
    return {
        "BROKER_URL": broker_url,
        "SELLERS_BROKER_URL": "",
        "MIDDLEWARE_BILLING_URL": billing.url,
        "MIDDLEWARE_RESERVATIONS_URL": reservations.url,
        "MIDDLEWARE_SERVICE_KEY": KEY,
        "MIDDLEWARE_PAUSE_SECONDS": "3",
    }


@pytest.fixture
def start() -> Iterator[Callable[[Program], Program]]:
    """Keeps a started program, and ends it after the test without ceremony."""
    started: list[Program] = []

    def keep(program: Program) -> Program:
        started.append(program)
        return program

    yield keep
    for program in reversed(started):
        program.end()
        # Shown by pytest when the test has failed.
        print("\n".join([" ".join(program.arguments), *program.lines[-40:]]))


@pytest.fixture
def proxy(broker_url: str) -> Iterator[Proxy]:
    """A way to the broker that a test can cut or freeze."""
    found = Proxy(broker_url)
    yield found
    found.close()
