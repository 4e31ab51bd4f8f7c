"""Closed to callers while the site heals after a promotion or a restore: 503 instead of answers from an old state."""

import time
from collections import defaultdict
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse

from middleware_worker.contract.drf import unavailable
from middleware_worker.outbox.models import Closure
from middleware_worker.outbox.transactions import retrying

# So old may a process's knowledge be; whoever closes waits a little longer before it goes on.
KEPT_SECONDS = 1.0
KNOWN_EVERYWHERE_SECONDS = 1.5
STILL_OPEN = ("/health", "/metrics", "/api/internal/healing/")


class _Kept:
    closed = False
    until = 0.0


# By the name of the connection, since a site may have several clusters.
_kept: defaultdict[str, _Kept] = defaultdict(_Kept)


def is_closed() -> bool:
    """Whether callers are kept out, at most KEPT_SECONDS old. A lost database changes nothing: the view finds out."""
    kept = _kept[connection.alias]
    if time.monotonic() >= kept.until:
        try:
            kept.closed = Closure.objects.using("default").exists()
        except (DatabaseError, InterfaceError):
            pass
        finally:
            kept.until = time.monotonic() + KEPT_SECONDS
    return kept.closed


@retrying
def close(*, reason: str) -> None:
    """Keeps callers out; safe to run twice. Other processes know after KNOWN_EVERYWHERE_SECONDS."""
    Closure.objects.update_or_create(pk=1, defaults={"reason": reason[:200]})
    forget()


@retrying
def open_again() -> None:
    Closure.objects.all().delete()
    forget()


def forget() -> None:
    """Looks anew at the next question."""
    _kept.clear()


class ClosedWhileHealing:
    """503 with Retry-After to everybody, save health checks, metrics and what healing itself asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        ask_themselves = tuple(getattr(settings, "CLOSED_BY_THEMSELVES", ()))
        if not request.path.startswith(STILL_OPEN + ask_themselves) and is_closed():
            return unavailable()
        return self.get_response(request)
