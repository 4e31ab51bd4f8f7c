"""What a buyer's call does while the database fails over: it waits and runs again, for a bounded time.

The whole call runs again, under the same idempotency key: what an earlier run wrote before its connection broke
is found by the key, never guessed. Nothing is locked while it waits, since every transaction has ended.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, Error, InterfaceError, OperationalError, connection, connections

from middleware_worker.outbox import transactions
from middleware_worker.outbox.transactions import NotReplicated, deadline

T = TypeVar("T")
log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.25
LOCK_NOT_AVAILABLE = "55P03"
# What a transaction is run again for at once (a demoted primary, a server that stops or starts, a lost connection,
# a deadlock), and no connection at all; and a row that another transaction keeps for seconds: that one waits itself,
# for a standby to have its commit.
SQLSTATES = transactions.SQLSTATES | {"08001", "08004", LOCK_NOT_AVAILABLE}
INTERNAL = "XX000"


def is_failover(error: BaseException) -> bool:
    """Whether another server, or this one in a moment, may answer what this connection could not."""
    if isinstance(error, NotReplicated | InterfaceError):
        return True
    # psycopg gives no SQLSTATE when the connection broke or could not be made.
    sqlstate = getattr(error.__cause__, "sqlstate", None) or getattr(error, "sqlstate", None)
    if sqlstate == INTERNAL:
        # How a standby refuses the record that asks whether all is replicated.
        return "during recovery" in str(error)
    return isinstance(error, OperationalError) if sqlstate is None else sqlstate in SQLSTATES


def through_failover(call: Callable[[bool], T]) -> T:
    """What the call returns; it is told whether an earlier run of it was cut off by a fail-over.

    After settings.FAILOVER_WAIT_SECONDS the last error goes through, which the API answers with 503 and
    Retry-After. Inside an open transaction nothing is run again: that one is lost as a whole.
    """
    if connection.in_atomic_block or connection.vendor != "postgresql":
        return call(False)
    ends = time.monotonic() + settings.FAILOVER_WAIT_SECONDS
    again = waits = False
    try:
        while True:
            try:
                with deadline(ends):
                    return call(again)
            except (DatabaseError, InterfaceError) as error:
                # A thread that waits serves nobody else. At most so many of a process wait at once, and the
                # others are answered 503 now: so a long fail-over cannot take all threads of gunicorn from
                # those who only look, and from the health checks.
                waits = waits or (is_failover(error) and _places().acquire(blocking=False))
                if not waits or not is_failover(error) or time.monotonic() + PAUSE_SECONDS >= ends:
                    raise
                log.warning("fail-over: run again: %s", str(error).strip())
            again = True
            _forget_connections()
            _pause(PAUSE_SECONDS)
    finally:
        if waits:
            _places().release()


def _pause(seconds: float) -> None:
    time.sleep(seconds)


def _forget_connections() -> None:
    for used in connections.all(initialized_only=True):
        try:
            used.close()
        except Error:
            log.debug("closing a broken connection failed", exc_info=True)


@cache
def _places() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(settings.FAILOVER_WAITERS)
