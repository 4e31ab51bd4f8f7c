"""Whole transactions again, when the database asks for it."""

import functools
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connections, transaction

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)

ATTEMPTS = 5
# PostgreSQL: serialization failure, deadlock, read-only (a demoted primary), shutdown, lost connections.
SQLSTATES = {"40001", "40P01", "25006", "57P01", "57P02", "57P03", "08000", "08003", "08006"}
# MariaDB: record changed, lock wait, deadlock, gone away, lost connection, shutdown.
ERROR_NUMBERS = {1020, 1205, 1213, 2006, 2013, 1053}


@dataclass
class Bounds:
    """How long the transactions of a request may be run again, and whether any has been begun."""

    give_up_at: float = float("inf")  # time.monotonic
    wait: Callable[[], None] | None = None  # returns when the database answers again, or after its own bound
    begun: bool = False


_bounds: ContextVar[Bounds | None] = ContextVar("bounds", default=None)


class NotReplicated(OperationalError):
    """The transaction is committed on this server, and maybe on no other one: its outcome is unknown.

    A fail-over may take it back, so nobody may be told of it before `confirm_replicated` has returned.
    """


@contextmanager
def deadline(moment: float, *, wait: Callable[[], None] | None = None) -> Iterator[Bounds]:
    """Transactions inside are not run again once time.monotonic() has reached the moment; `wait` comes before each."""
    token = _bounds.set(Bounds(moment, wait))
    try:
        yield _current()
    finally:
        _bounds.reset(token)


def _current() -> Bounds:
    return _bounds.get() or Bounds()


def confirm_replicated() -> None:
    """Returns when all that this database has committed so far is on a standby too. Raises when it is not.

    What an earlier run wrote is visible although its COMMIT was never confirmed, so before it is told to
    anybody a record of no content is written: where replication is synchronous, its COMMIT waits for all before it.
    """
    connection = connections["default"]
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_logical_emit_message(true, 'ticketflow', '')")


def is_passing(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again."""
    cause = error.__cause__ or error
    sqlstate = getattr(cause, "sqlstate", None)
    if sqlstate is not None:
        return sqlstate in SQLSTATES
    if isinstance(error, InterfaceError):
        return True
    number = cause.args[0] if cause.args else None
    if isinstance(number, int):
        return number in ERROR_NUMBERS
    # psycopg has no SQLSTATE when the connection broke; SQLite says that it is locked.
    return isinstance(error, OperationalError)


def retrying(function: Callable[P, R]) -> Callable[P, R]:
    """Runs the function in a transaction; runs it again, whole, after a deadlock or a lost connection.

    The function must be safe to repeat: a connection that is lost during COMMIT leaves the outcome
    unknown, so it has to find what the first run wrote (idempotency keys, unique ids). Inside a
    transaction that is already open it takes part in that one and repeats nothing.
    """
    return _again(function, transaction.atomic)


def retrying_statement(function: Callable[P, R]) -> Callable[P, R]:
    """The same for a function that is one statement, and so a transaction by itself, or that only reads."""
    return _again(function, nullcontext)


def _again(function: Callable[P, R], inside: Callable[[], AbstractContextManager[object]]) -> Callable[P, R]:
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        connection, bounds = connections["default"], _current()
        bounds.begun = True
        if connection.in_atomic_block:
            return function(*args, **kwargs)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with inside():
                    return function(*args, **kwargs)
            except DatabaseError as error:
                # To run it again at once would find what it wrote, and take that for confirmed.
                if _is_last(attempt) or isinstance(error, NotReplicated) or not is_passing(error):
                    raise
                log.warning("transaction %s is run again: %s", function.__name__, error)
            except InterfaceError:
                if _is_last(attempt):
                    raise
            connection.close_if_unusable_or_obsolete()
            time.sleep(random.uniform(0.005, 0.03) * 2**attempt)  # noqa: S311 (jitter, no secret)
            if bounds.wait:
                bounds.wait()
        raise AssertionError("unreachable")

    return run


def _is_last(attempt: int) -> bool:
    return attempt == ATTEMPTS or time.monotonic() >= _current().give_up_at
