"""Slows down whoever tries booking codes: a code is the proof of an order."""

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from portal_site.clients.visitors import address_of


def _key(request: HttpRequest) -> str:
    return f"wrong-codes:{address_of(request)}"


def has_to_wait(request: HttpRequest) -> bool:
    """Whether this address asked for too many codes that do not exist."""
    return int(cache.get(_key(request), 0)) >= settings.WRONG_CODES_A_MINUTE


def note_wrong_code(request: HttpRequest) -> None:
    if not cache.add(_key(request), 1, timeout=60):
        try:
            cache.incr(_key(request))
        except ValueError:
            cache.add(_key(request), 1, timeout=60)
