"""`manage.py relay`: carries the outbox to the broker until it is told to stop."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from middleware_worker.outbox import relay


class Command(BaseCommand):
    help = "Publishes the outbox until SIGTERM or Ctrl-C; several may run side by side."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("relay: ready")
        relay.run(relay.CeleryPublisher(), stopping=stop.is_set, idle=stop.wait)
        self.stdout.write("relay: stopped")
