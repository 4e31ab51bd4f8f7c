"""Keeps the last known catalogue, so that a visitor sees something while the reservations site is down."""

import logging
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from portal_site.catalogue.models import Snapshot

log = logging.getLogger(__name__)

# A page view writes at most this often: the portal's database is small.
WRITE_EVERY = timedelta(seconds=30)


def remember(*, key: str, data: Any) -> None:
    """Keeps `data` under `key`. A database that fails costs the memory, not the page."""
    if not cache.add(f"snapshot:{key}", 1, timeout=WRITE_EVERY.total_seconds()):
        return
    try:
        Snapshot.objects.update_or_create(key=key, defaults={"data": data, "taken_at": timezone.now()})
    except (DatabaseError, InterfaceError) as error:
        log.warning("the last known catalogue could not be kept: %s", error)
