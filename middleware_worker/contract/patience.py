"""Waiting inside a request for something that is away for a moment: a queue's leader, a database that restarts."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.25


class Patience:
    """Calls again what failed, for a bounded time and for at most `waiters` threads of the process at once.

    A thread that waits serves nobody else, so there should be one waiter less than threads: health checks and those
    who only look are answered all the while.
    """

    def __init__(self, waiters: int) -> None:
        self._places = threading.BoundedSemaphore(waiters)

    def call(self, call: Callable[[], T], *, seconds: float, errors: tuple[type[Exception], ...]) -> T:
        """What the call returns. After so many seconds, or when all places are taken, its error goes through."""
        ends = time.monotonic() + seconds
        waits = False
        try:
            while True:
                try:
                    return call()
                except errors as error:
                    waits = waits or (seconds > 0 and self._places.acquire(blocking=False))
                    if not waits or time.monotonic() + PAUSE_SECONDS >= ends:
                        raise
                    log.warning("waits, then tries again: %r", error)
                time.sleep(PAUSE_SECONDS)
        finally:
            if waits:
                self._places.release()
