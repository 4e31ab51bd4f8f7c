"""The outbox on the database of the site whose settings are in force: PostgreSQL or MariaDB."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from middleware_worker.contract.messages import TicketState
from middleware_worker.outbox import services
from middleware_worker.outbox.models import OutboxMessage

applied: list[TicketState] = []


def apply(states: list[TicketState]) -> None:
    """Stands in for the site's own settings.OUTBOX_APPLY."""
    applied.extend(states)


@pytest.fixture(autouse=True)
def fake_site(settings: Any) -> list[TicketState]:
    settings.OUTBOX_APPLY = f"{__name__}.apply"
    applied.clear()
    return applied


class Recorder:
    """A broker that confirms, until `fails` says how it does not."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[dict[str, Any]], timedelta]] = []
        self.fails: Exception | None = None
        self._lock = threading.Lock()

    def publish(self, messages: Sequence[dict[str, Any]], *, lifetime: timedelta) -> None:
        with self._lock:
            if self.fails:
                raise self.fails
            self.batches.append((list(messages), lifetime))

    @property
    def ids(self) -> list[str]:
        return [message["id"] for batch, _lifetime in self.batches for message in batch]


@pytest.fixture
def publisher() -> Recorder:
    return Recorder()


def add(count: int = 1) -> list[OutboxMessage]:
    return [services.enqueue(type="ticket.create", aggregate=f"TF-{n}", payload={"n": n}) for n in range(count)]


def at_once(count: int, function: Callable[[], Any]) -> list[Any]:
    """The function in threads that meet at a barrier; what each returned."""
    barrier = threading.Barrier(count)
    results: list[Any] = []

    def run() -> None:
        try:
            barrier.wait(10)
            results.append(function())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == count
    return results
