"""How often somebody may try to log in: counted in the database, so that all replicas count together.

The narrow limit is for the pair of user and address. The wider ones, for an address and for a user, slow guessing
with many names or from many machines; strangers could use the last one to keep a user out, so a browser in which
that user has logged in before (`devices`) is counted alone.
"""

import hashlib
from datetime import timedelta
from typing import NamedTuple

from django.utils import timezone

from middleware_worker.outbox.transactions import retrying
from reservations_site.logins import locks
from reservations_site.logins.models import Attempts

WINDOW = timedelta(minutes=15)
PAIR, ADDRESS, USER = 5, 60, 100


class TooMany(Exception):
    """Too many attempts; `wait` says in how many seconds there is a new one."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"again in {wait} s")
        self.wait = wait


class Rule(NamedTuple):
    """So many attempts a window for one someone."""

    name: str
    whom: str
    times: int

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.name}\n{self.whom}".encode()).hexdigest()


def rules(*, user: str, address: str, device: str = "") -> list[Rule]:
    """What limits this attempt, the narrowest first; `device` is a browser in which the user was before."""
    if device:
        return [Rule("device", f"{user}\n{device}", PAIR)]
    return [Rule("pair", f"{user}\n{address}", PAIR), Rule("address", address, ADDRESS), Rule("user", user, USER)]


@retrying
def count(rules: list[Rule]) -> None:
    """Counts an attempt before it is looked at, so that many at once do not slip through.

    Raises TooMany, and counts nothing, when one of the limits is reached.
    """
    now = timezone.now()
    for rule in sorted(rules, key=lambda rule: rule.key):
        row = locks.attempts(rule.key)
        if row is None:
            fresh = Attempts(key=rule.key, window_ends_at=now + WINDOW)
            Attempts.objects.bulk_create([fresh], ignore_conflicts=True)
            row = locks.attempts(rule.key) or fresh
        if row.window_ends_at <= now:
            row.count, row.window_ends_at = 0, now + WINDOW
        if row.count >= rule.times:
            raise TooMany(max(1, int((row.window_ends_at - now).total_seconds())))
        row.count += 1
        row.save()


def forget(rule: Rule) -> None:
    """Starts the count anew, after a success."""
    Attempts.objects.filter(key=rule.key).delete()


def prune() -> int:
    """Deletes counters whose window is over; how many."""
    return Attempts.objects.filter(window_ends_at__lt=timezone.now()).delete()[0]
