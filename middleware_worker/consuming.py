"""A loop that consumes one queue in batches, over a connection of its own, and outlives a lost broker."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from kombu import Connection, Consumer, Message, Queue

from middleware_worker import broker

log = logging.getLogger(__name__)

LONGEST_PAUSE = 5.0


class BatchConsumer:
    """Calls `handle(batch)` in its own thread; a subclass says what a batch is and acks its messages.

    What `handle` did not ack when it raises is given back to the broker with the connection.
    """

    queue: Queue
    declare = staticmethod(broker.declare)
    batch_size = 100
    batch_seconds = 0.05
    prefetch = 200

    def __init__(self, connect: Callable[[], Connection], stop: threading.Event) -> None:
        self._connect, self.stopping = connect, stop
        self._batch: list[Message] = []
        self._first_at = 0.0
        self._connection: Connection | None = None

    def handle(self, batch: list[Message]) -> None:
        raise NotImplementedError

    def run(self) -> None:
        """Until `stop` is set. No error ends it."""
        failures = 0
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                self._consume()
            except Exception as error:
                failures = 1 if time.monotonic() - began > LONGEST_PAUSE else failures + 1
                log.warning("%s: %r; consuming again", self.queue.name, error, exc_info=not _is_broker(error))
                self.stopping.wait(min(LONGEST_PAUSE, 0.25 * 2 ** min(failures, 6)))
        log.info("%s: stopped", self.queue.name)

    def _consume(self) -> None:
        with self._connect() as connection:
            connection.connect()
            self.declare(connection)
            self._connection, self._batch = connection, []
            consumer = Consumer(
                connection.default_channel,
                queues=[self.queue],
                on_message=self._take,
                prefetch_count=self.prefetch,
                auto_declare=False,
            )
            consumer.consume()
            log.info("%s: consuming", self.queue.name)
            while not self.stopping.is_set():
                self._drain()
                if self._is_full():
                    batch, self._batch = self._batch[: self.batch_size], self._batch[self.batch_size :]
                    self.handle(batch)
            # What was taken and not handled goes back to the queue with the connection.
            consumer.cancel()

    def wait(self, seconds: float) -> None:
        """Waits inside `handle` without losing the connection; messages that come meanwhile are kept."""
        until = time.monotonic() + seconds
        while not self.stopping.is_set() and (left := until - time.monotonic()) > 0:
            self._drain(min(left, 1.0))

    def _drain(self, timeout: float | None = None) -> None:
        if self._connection is None:
            return
        if timeout is None:
            timeout = max(0.001, self._first_at + self.batch_seconds - time.monotonic()) if self._batch else 0.5
        with contextlib.suppress(TimeoutError):
            self._connection.drain_events(timeout=timeout)
        self._connection.heartbeat_check()

    def _take(self, message: Message) -> None:
        if not self._batch:
            self._first_at = time.monotonic()
        self._batch.append(message)

    def _is_full(self) -> bool:
        if not self._batch:
            return False
        return len(self._batch) >= self.batch_size or time.monotonic() >= self._first_at + self.batch_seconds


def _is_broker(error: Exception) -> bool:
    """Whether it is the broker that went away, which needs no stack trace."""
    module = type(error).__module__
    return isinstance(error, OSError) or module.startswith(("amqp", "kombu"))


def raw_body(message: Message) -> bytes:
    """The body as it came."""
    body: Any = message.body
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return bytes(body)
