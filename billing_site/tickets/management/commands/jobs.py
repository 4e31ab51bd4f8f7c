"""`manage.py jobs`: what billing does by itself, until it is told to stop."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from billing_site.jobs import JOBS, run_all


class Command(BaseCommand):
    help = "Runs the jobs of billing_site/jobs.py until SIGTERM or Ctrl-C; several may run side by side."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("jobs: ready")
        self.stdout.flush()
        run_all(JOBS, stop=stop)
        self.stdout.write("jobs: stopped")
