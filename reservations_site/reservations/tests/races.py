"""Threads that begin together, each with a connection of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")
# A thread that waits this long for the others has lost them: the test fails instead of hanging.
DEADLINE_SECONDS = 30


def barrier(parties: int) -> threading.Barrier:
    return threading.Barrier(parties, timeout=DEADLINE_SECONDS)


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The answers of all calls, made at the same moment."""
    start = barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        try:
            connection.ensure_connection()
            start.wait()
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
