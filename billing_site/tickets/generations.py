"""The generation of new versions, read once in a while and not for every ticket."""

import time

from django.db.models import F
from django.db.models.functions import Greatest

from billing_site.tickets import audit
from billing_site.tickets.models import Generation
from middleware_worker.outbox.transactions import retrying

# Healing waits longer than that (`outbox.closing`) before it goes on.
KEPT_SECONDS = 1.0


class _Kept:
    value = 1
    until = 0.0


def current() -> int:
    """The generation that new versions carry, at most KEPT_SECONDS old.

    A process that holds an older one for a moment does no harm: a ticket's generation never falls
    (`transitions.move`), and callers are kept out while billing heals.
    """
    if time.monotonic() >= _Kept.until:
        found = Generation.objects.filter(pk=1).values_list("value", flat=True).first()
        _Kept.value, _Kept.until = found or 1, time.monotonic() + KEPT_SECONDS
    return _Kept.value


@retrying
def begin_next(*, by: str, reason: str, above: int = 0) -> int:
    """Starts a new generation, so that receivers tell what comes now from what the lost primary said.

    It is above `above` too: a backup may be older than the last healing, and know nothing of its generation.
    """
    Generation.objects.get_or_create(pk=1)
    Generation.objects.filter(pk=1).update(value=Greatest(F("value"), above) + 1)
    value = Generation.objects.get(pk=1).value
    audit.record("generation_began", by=by, reason=reason, detail={"generation": value})
    forget()
    return value


def forget() -> None:
    """Reads the generation anew at the next use."""
    _Kept.until = 0.0
