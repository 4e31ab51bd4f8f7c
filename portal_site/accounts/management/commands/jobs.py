"""`manage.py jobs`: what time brings about in the portal: sessions that have ended are deleted."""

import logging
import signal
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

log = logging.getLogger(__name__)

# Cheap, by an index; and a health check sees it at work by the connection that it keeps.
EVERY_SECONDS = 60.0
AGAIN_SECONDS = 5.0


def run(*, stopping: Callable[[], bool], idle: Callable[[float], object]) -> None:
    """Clears until told to stop. Outlives a lost database."""
    sessions = import_module(settings.SESSION_ENGINE).SessionStore
    while not stopping():
        pause = EVERY_SECONDS
        try:
            close_old_connections()
            sessions.clear_expired()
        except Exception as error:
            log.warning("jobs: %r; once more", error)
            pause = AGAIN_SECONDS
        idle(pause)


class Command(BaseCommand):
    help = "Deletes sessions that have ended, every minute until SIGTERM or Ctrl-C; several may run side by side."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("jobs: ready")
        run(stopping=stop.is_set, idle=stop.wait)
        self.stdout.write("jobs: stopped")
