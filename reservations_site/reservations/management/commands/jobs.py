"""`manage.py jobs`: what time brings about: holds that ran out, cancelled events, waiting rooms, and what is old."""

import logging
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from middleware_worker.outbox.closing import is_closed
from middleware_worker.outbox.services import prune
from reservations_site.logins import limits
from reservations_site.reservations.endings import BATCH, end_cancelled_events, end_holds_that_ran_out
from reservations_site.waiting_room import services as rooms

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
# Cancelled events and old messages are looked at once in so many rounds.
SELDOM = 10
BATCHES = 20


def run_once(round_number: int) -> bool:
    """One round; whether there is more to do at once."""
    busy = end_holds_that_ran_out() == BATCH
    rooms.see_to_all()
    if round_number % SELDOM == 0:
        # An event may have thousands of reservations: its batches do not wait ten rounds each.
        busy |= all(end_cancelled_events() == BATCH for _batch in range(BATCHES))
        limits.prune()
        busy |= rooms.prune() > 0
        prune(older_than=timedelta(days=settings.OUTBOX_KEEP_DAYS))
    return busy


def run(*, stopping: Callable[[], bool], idle: Callable[[float], object]) -> None:
    """Rounds until told to stop. Outlives a lost database."""
    round_number = 0
    while not stopping():
        busy = False
        try:
            close_old_connections()
            # While the site heals, nothing is asked from an old state.
            busy = not is_closed() and run_once(round_number)
        except Exception as error:
            log.warning("jobs: %r; once more", error)
        round_number += 1
        if not busy:
            idle(IDLE_SECONDS)


class Command(BaseCommand):
    help = "Asks billing about holds that ran out, until SIGTERM or Ctrl-C; several may run side by side."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("jobs: ready")
        run(stopping=stop.is_set, idle=stop.wait)
        self.stdout.write("jobs: stopped")
