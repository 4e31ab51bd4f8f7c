"""Events split over several PostgreSQL clusters, behind the same replicas; see docs/scaling.md.

An event and all that hangs on it live on one cluster. Ids are given out in spans, so an id tells its cluster. While a
call about it is served, that cluster is this thread's "default" database, and all code runs as with a single one.
With a single one (no RESERVATIONS_CLUSTER_URLS) nothing here does anything.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any, TypeVar

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import InterfaceError, OperationalError, connections
from django.db.models import BigAutoField
from django.http import HttpRequest, HttpResponseBase

from middleware_worker.contract.drf import unavailable
from middleware_worker.outbox import closing
from middleware_worker.outbox.transactions import NotReplicated

T = TypeVar("T")
log = logging.getLogger(__name__)

# A cluster's ids begin at its number times this. JavaScript's numbers are exact up to 9,000 of them.
SPAN = 10**12
# What a thread calls "default" and "replica" while it serves another cluster; that one's primary is read for both.
ALIASES = ("default", "replica")
OF_EVENT = re.compile(r"/api/events/([0-9]{1,18})(?:/|$)")
# One that is away, or hangs, must not take the threads from the callers of the others: a process serves so many calls
# of a cluster at once that one thread is left, and a caller who finds no place within this time takes it to be away.
# Then one caller in so many seconds tries it, and the others are told at once to come again.
PLACE_SECONDS = 0.5
AWAY_SECONDS = 4.0


class Away(OperationalError):
    """Not asked: it could not be reached a moment ago, or it heals. 503 to its callers, who come again."""


# Until when (time.monotonic) this process takes a cluster to be away.
_away: dict[int, float] = {}


class _Thread(threading.local):
    # The first cluster's connections, while this thread serves one; so that one inside another finds its way back.
    home: dict[str, Any] = {}


_thread = _Thread()


def count() -> int:
    return 1 + len(settings.CLUSTER_ALIASES)


def number_of(id: int) -> int:
    """The cluster of an id; the first one for an id of none, which nobody knows there either."""
    number = id // SPAN
    return number if 0 < number < count() else 0


def serving(id: int) -> AbstractContextManager[None]:
    """The cluster of this id is the database inside."""
    return on(number_of(id)) if settings.CLUSTER_ALIASES else nullcontext()


@contextmanager
def on(number: int, *, healing: bool = False) -> Iterator[None]:
    """This cluster is the thread's database inside. Raises Away; what heals it is let in while it heals."""
    with _place(number), _connected(number):
        # Here, since `is_closed` passes over a database that is away.
        connections["default"].ensure_connection()
        if not healing and closing.is_closed():
            raise Away(f"cluster {number} heals")
        yield


@contextmanager
def _place(number: int) -> Iterator[None]:
    """One of the places that this process has for a cluster's calls; notes whether the cluster answers."""
    now = time.monotonic()
    if now < _away.get(number, 0.0):
        raise Away(f"cluster {number} did not answer a moment ago")
    if number in _away:
        # This caller tries it.
        _away[number] = now + AWAY_SECONDS
    places = _places(number)
    if not places.acquire(timeout=PLACE_SECONDS):
        _away[number] = time.monotonic() + AWAY_SECONDS
        raise Away(f"cluster {number} hangs")
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if _is_gone(error):
            _away[number] = time.monotonic() + AWAY_SECONDS
        raise
    else:
        _away.pop(number, None)
    finally:
        places.release()


@cache
def _places(number: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(max(1, settings.WEB_THREADS - 1))


@contextmanager
def _connected(number: int) -> Iterator[None]:
    before = {alias: connections[alias] for alias in ALIASES if alias in settings.DATABASES}
    is_outermost, home = not _thread.home, _thread.home or before
    for alias in before:
        connections[alias] = connections[settings.CLUSTER_ALIASES[number - 1]] if number else home[alias]
    _thread.home = home
    try:
        yield
    finally:
        for alias, connection in before.items():
            connections[alias] = connection
        if is_outermost:
            _thread.home = {}


def _is_gone(error: OperationalError | InterfaceError) -> bool:
    """Whether its server could not be reached; not a lock that was waited for in vain, or a commit no standby has."""
    if isinstance(error, Away | NotReplicated):
        return False
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    return sqlstate is None or sqlstate.startswith(("08", "57P"))


def reached(call: Callable[[], T], *, healing: bool = False) -> tuple[list[T], Exception | None]:
    """What the call finds on each cluster that answers, and why one did not."""
    if not settings.CLUSTER_ALIASES:
        return [call()], None
    found: list[T] = []
    lost: Exception | None = None
    for number in range(count()):
        try:
            with on(number, healing=healing):
                found.append(call())
        except (OperationalError, InterfaceError) as error:
            log.error("cluster %s does not answer: %s", number, error)
            lost = error
    return found, lost


def everywhere(call: Callable[[], T], *, healing: bool = False) -> list[T]:
    """What the call finds on each cluster. It runs on all that answer, and raises when one does not."""
    found, lost = reached(call, healing=healing)
    if lost:
        raise lost
    return found


def gathered(call: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of all clusters as one list; those of a cluster that does not answer are missing, unless none answers.

    A row whose id is another cluster's is left out: a call about it would be served there.
    """
    if not settings.CLUSTER_ALIASES:
        return call()
    found, lost = reached(lambda: [row for row in call() if number_of(row["id"]) == _number_now()])
    if lost and not found:
        raise lost
    return [row for part in found for row in part]


def _number_now() -> int:
    alias = connections["default"].alias
    return settings.CLUSTER_ALIASES.index(alias) + 1 if alias in settings.CLUSTER_ALIASES else 0


def holding(is_here: Callable[[], bool]) -> AbstractContextManager[None]:
    """The cluster on which this is true is the database inside; the first one when it is true on none.

    Raises when one does not answer that might be it.
    """
    if not settings.CLUSTER_ALIASES:
        return nullcontext()
    lost: Exception | None = None
    for number in range(count()):
        try:
            with on(number):
                if is_here():
                    return on(number)
        except (OperationalError, InterfaceError) as error:
            lost = error
    if lost:
        raise lost
    return nullcontext()


class ByEvent:
    """The calls whose address names an event are served on its cluster."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.CLUSTER_ALIASES:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if (found := OF_EVENT.match(request.path_info)) is None:
            return self.get_response(request)
        try:
            with serving(int(found[1])):
                return self.get_response(request)
        except Away:
            return unavailable()


def number_from_here(*, app_config: AppConfig, using: str, **_signal: Any) -> None:
    """After a migration: the ids of this cluster begin in its span. An id that was given stays."""
    connection, base = connections[using], settings.CLUSTER * SPAN
    if not base or connection.vendor != "postgresql" or not app_config.name.startswith("reservations_site."):
        return
    with connection.cursor() as cursor:
        for model in app_config.get_models():
            if isinstance(model._meta.pk, BigAutoField):
                cursor.execute(
                    "SELECT setval(ids, %s, false) FROM (SELECT pg_get_serial_sequence(%s, %s)::regclass AS ids) named"
                    " WHERE coalesce(pg_sequence_last_value(ids), 0) < %s",
                    [base + 1, model._meta.db_table, model._meta.pk.column, base],
                )
