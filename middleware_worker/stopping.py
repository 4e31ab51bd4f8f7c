"""How a pool process learns that its worker is being stopped, and how it waits meanwhile."""

import mmap
import os
import time

# One byte that the worker and its pool processes share: a signal handler can write it without a lock.
_flag = mmap.mmap(-1, 1)
SLICE_SECONDS = 0.2
LONGEST_SLEEP = 8.0


def stop() -> None:
    """The worker is being stopped: pauses end now."""
    _flag[0] = 1


def is_stopping() -> bool:
    return _flag[0] == 1


class Patience:
    """Growing sleeps, in all no longer than `seconds`; cut short when the worker stops or has died."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._next = 0.5
        self._parent = os.getppid()

    def is_orphan(self) -> bool:
        """The worker was killed: the broker gives the message to another one, this one cannot be acked."""
        return os.getppid() != self._parent

    def is_over(self) -> bool:
        return is_stopping() or self.is_orphan() or time.monotonic() >= self._until

    def sleep(self) -> bool:
        """Waits; False when the patience is over."""
        wake = min(time.monotonic() + self._next, self._until)
        self._next = min(self._next * 2, LONGEST_SLEEP)
        while not self.is_over() and time.monotonic() < wake:
            time.sleep(SLICE_SECONDS)
        return not self.is_over()
