"""How often somebody may try: counted in the database, so that all replicas of the site count together.

A login is limited for the pair of user and address, so that nobody locks another out from elsewhere; and
more widely for the address and for the user, against guessing with many names or from many machines.
"""

import hashlib
from datetime import timedelta
from typing import NamedTuple

from django.utils import timezone

from billing_site.accounts import locks
from billing_site.accounts.models import Attempts
from middleware_worker.outbox.transactions import retrying


class Limit(NamedTuple):
    times: int
    window: timedelta


QUARTER = timedelta(minutes=15)
LOGIN_PAIR = Limit(5, QUARTER)
LOGIN_ADDRESS = Limit(60, QUARTER)
LOGIN_USER = Limit(100, QUARTER)
CLAIM_PERSON = Limit(10, QUARTER)
CLAIM_ADDRESS = Limit(60, QUARTER)
MAIL_ADDRESS = Limit(30, QUARTER)
MAIL_RECIPIENT = Limit(5, timedelta(hours=1))


class TooMany(Exception):
    """Too many attempts; `wait` says in how many seconds there is a new one."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"again in {wait} s")
        self.wait = wait


class Rule(NamedTuple):
    """A limit for one someone: what is tried, and by whom or at whom."""

    name: str
    whom: str
    limit: Limit

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.name}\n{self.whom}".encode()).hexdigest()


def check(*rules: Rule) -> None:
    """Raises TooMany when one of the limits is reached; counts nothing."""
    now = timezone.now()
    limits = {rule.key: rule.limit for rule in rules}
    for row in Attempts.objects.filter(key__in=list(limits), window_ends_at__gt=now):
        if row.count >= limits[row.key].times:
            raise TooMany(max(1, int((row.window_ends_at - now).total_seconds())))


@retrying
def count(*rules: Rule) -> None:
    """Counts one attempt for each rule."""
    now = timezone.now()
    # In key order, so that two at once do not deadlock.
    for rule in sorted(rules, key=lambda rule: rule.key):
        row = locks.attempts(rule.key)
        if row is None:
            fresh = Attempts(key=rule.key, window_ends_at=now + rule.limit.window)
            Attempts.objects.bulk_create([fresh], ignore_conflicts=True)
            row = locks.attempts(rule.key) or fresh
        if row.window_ends_at <= now:
            row.count, row.window_ends_at = 0, now + rule.limit.window
        row.count += 1
        row.save(update_fields=["count", "window_ends_at"])


def count_or_refuse(*rules: Rule) -> None:
    """Raises TooMany when a limit is reached, else counts the attempt."""
    check(*rules)
    count(*rules)


def forget(*rules: Rule) -> None:
    """Starts the count anew, after a success."""
    Attempts.objects.filter(key__in=[rule.key for rule in rules]).delete()


def prune() -> int:
    """Deletes counters whose window is over; how many."""
    return Attempts.objects.filter(window_ends_at__lt=timezone.now() - timedelta(hours=1)).delete()[0]
