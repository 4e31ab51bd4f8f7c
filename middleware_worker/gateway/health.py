"""Whether tickets can be carried: the broker, the worker, what waits in the queues."""

import functools
import logging
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from celery import Celery
from kombu import Connection

from middleware_worker import broker, environment

log = logging.getLogger(__name__)

FRESH_SECONDS = 2.0
PING_SECONDS = 1.0
QUEUES = [*(queue.name for queue in broker.carry_queues), broker.DEAD_LETTERS]


@dataclass
class Health:
    """`queues`: messages that wait, None for a queue that is not there."""

    broker: bool = False
    worker: bool = False
    queues: dict[str, int | None] = field(default_factory=dict)
    error: str = ""

    @property
    def carries(self) -> bool:
        return self.broker and self.worker


class Watch:
    """Looks at most every FRESH_SECONDS, one thread at a time; the others get the last look."""

    def __init__(self, broker_url: str, folder: str = "", *, sellers_broker_url: str = "") -> None:
        self._url, self._folder = broker_url, folder
        self._sellers_url = sellers_broker_url or broker_url
        self._app = Celery("health", set_as_current=False)
        self._app.config_from_object(broker.celery_settings(broker_url, folder))
        self._lock = threading.Lock()
        self._last, self._until = Health(), 0.0

    def look(self) -> Health:
        with self._lock:
            if time.monotonic() >= self._until:
                self._last = self._look()
                self._until = time.monotonic() + FRESH_SECONDS
            return self._last

    def _look(self) -> Health:
        found = Health()
        try:
            with self._connect(self._sellers_url) as connection:
                found.queues = {broker.NEW_TICKET: _depth(connection, broker.NEW_TICKET)}
            with self._connect(self._url) as connection:
                found.broker = True
                found.queues |= {name: _depth(connection, name) for name in QUEUES}
                replies: list[Any] = self._app.control.broadcast(
                    "ping", reply=True, timeout=PING_SECONDS, limit=1, connection=connection
                )
                found.worker = bool(replies)
        except Exception as error:
            log.warning("health: %r", error)
            found.error = f"{type(error).__name__}: {error}"[:200]
        if not found.error and not found.worker:
            found.error = "no worker answers"
        return found

    def _connect(self, url: str) -> Connection:
        options = broker.transport_options(url, self._folder)
        opened = Connection(url, connect_timeout=PING_SECONDS, heartbeat=0, transport_options=options)
        opened.connect()
        return opened


def _depth(connection: Connection, name: str) -> int | None:
    # A passive declaration of a queue that is not there closes its channel.
    try:
        with connection.channel() as channel:
            return int(channel.queue_declare(name, passive=True).message_count)
    except connection.channel_errors:
        return None


def look() -> Health:
    """The state now, at most two seconds old."""
    return _watch(os.getpid()).look()


@functools.cache
def _watch(pid: int) -> Watch:
    found = environment.read()
    return Watch(found.broker_url, found.broker_folder, sellers_broker_url=found.sellers_broker_url)
