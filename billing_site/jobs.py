"""What billing does by itself, all in one list; `manage.py jobs` runs it.

Every job may run in several processes at once, does a little and says how much, and is safe to repeat.
"""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import close_old_connections, connections

from billing_site.accounts import limits
from billing_site.accounts import services as accounts
from billing_site.documents import jobs as documents
from billing_site.event_refunds import services as event_refunds
from billing_site.payments import refunds
from billing_site.payments import services as payments
from billing_site.tickets import services as tickets
from middleware_worker.outbox import services as outbox
from middleware_worker.outbox.closing import is_closed

log = logging.getLogger(__name__)

LONGEST_PAUSE = 30.0


class Job(NamedTuple):
    """`run` says how much it did. It is called again at once while it is busy, else after `every` seconds."""

    name: str
    run: Callable[[], int]
    every: float


def prune_outbox() -> int:
    return outbox.prune(older_than=timedelta(days=settings.OUTBOX_KEEP_DAYS))


JOBS = [
    Job("settle payment attempts", payments.settle_attempts, 1),
    Job("move refunds", refunds.run_refunds, 1),
    Job("refund events", event_refunds.work, 2),
    Job("expire outside tickets", tickets.expire_seatless, 20),
    Job("issue documents", documents.issue_due, 1),
    Job("send mails", documents.send_due, 1),
    Job("prune the outbox", prune_outbox, 300),
    Job("prune registrations", accounts.prune_registrations, 3600),
    Job("prune counted attempts", limits.prune, 3600),
]


def run_forever(job: Job, *, stop: threading.Event) -> None:
    """Until told to stop. A failure of the job, or a lost database, is logged and tried again later."""
    failures = 0
    while not stop.is_set():
        close_old_connections()
        try:
            # While the site heals nothing is decided from an old state.
            done = 0 if is_closed() else job.run()
        except Exception as error:
            failures += 1
            log.warning("job «%s»: %r; once more", job.name, error, exc_info=failures == 1)
            stop.wait(min(LONGEST_PAUSE, job.every + 2.0 ** min(failures, 5)))
        else:
            if failures:
                log.info("job «%s» works again", job.name)
            failures = 0
            # A short rest even when there is more to do: the others share the machine.
            stop.wait(0.05 if done else job.every)
    connections.close_all()


def run_all(jobs: list[Job], *, stop: threading.Event) -> None:
    """Each job in a thread of its own, so that none waits for another; returns when all have stopped."""
    threads = [threading.Thread(target=run_forever, args=(job,), kwargs={"stop": stop}, name=job.name) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
