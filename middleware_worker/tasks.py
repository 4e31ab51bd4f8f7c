"""The worker's one task. Killed at any instruction it loses nothing: the message is acked after the work."""

import functools
import logging
import os
from typing import Any

from celery import Task, shared_task
from celery.exceptions import Reject

from middleware_worker import broker, carrying, clients, environment
from middleware_worker.publishing import Publisher
from middleware_worker.stopping import Patience

log = logging.getLogger(__name__)

OTHER = {environment.RESERVATIONS: environment.BILLING, environment.BILLING: environment.RESERVATIONS}
OUTSIDE = "outside"
# While the broker takes messages from nobody (a memory alarm), a message is held this long at most: RabbitMQ
# cuts off a consumer that keeps one for half an hour.
LONGEST_HOLD_SECONDS = 600


@shared_task(bind=True, name=broker.CARRY_TASK, ignore_result=True)
def carry(self: Task, source: str, messages: list[dict[str, Any]]) -> None:
    """Carries a batch from `source` ("reservations", "billing" or "outside") to the other side.

    Returning acks the message. An error that nobody foresaw gives it back to the broker, which counts:
    after the delivery limit it is a dead letter.
    """
    try:
        if source in OTHER:
            _from_outbox(source, messages)
        else:
            _from_outside(messages, task_id=str(self.request.id))
    except Reject:
        raise
    except Exception as error:
        log.exception("carry %s: a batch of %d failed; it is given back", source, len(messages))
        Patience(1).sleep()
        raise Reject(repr(error), requeue=True) from error


def _from_outbox(source: str, messages: list[dict[str, Any]]) -> None:
    answers = carrying.carry_from_outbox(messages, receiver=clients.site(OTHER[source]), sender=clients.site(source))
    log.info("carry %s → %s: %d messages: %s", source, OTHER[source], len(messages), carrying.count(answers))


def _from_outside(messages: list[dict[str, Any]], *, task_id: str) -> None:
    """To billing. While billing is away the message waits here, then goes to the end of its queue.

    That counts as no attempt. It is published anew with a confirm before this one is acked.
    """
    left, why = messages, ""
    patience = Patience(environment.read().pause_seconds)
    while left:
        left, why = carrying.carry_from_outside(
            left, receiver=clients.site(environment.BILLING), letters=publisher(), delivery=task_id
        )
        if left and not patience.sleep():
            break
    log.info("carry outside → billing: %d messages: %d done or dead, %d later %s",
             len(messages), len(messages) - len(left), len(left), why)  # fmt: skip
    if left:
        _put_back(left, task_id=task_id, patience=patience)


def _put_back(left: list[dict[str, Any]], *, task_id: str, patience: Patience) -> None:
    hold = Patience(LONGEST_HOLD_SECONDS)
    while not patience.is_orphan():
        try:
            publisher().carry(source=OUTSIDE, messages=left, queue=broker.OUTSIDE, task_id=task_id)
            return
        except Exception as error:
            log.warning("carry outside: the broker does not take %d messages back: %r", len(left), error)
        if not hold.sleep():
            break
    raise Reject("not put back", requeue=True)


def publisher() -> Publisher:
    """This process's own: connections do not survive a fork."""
    return _publisher(os.getpid())


@functools.cache
def _publisher(pid: int) -> Publisher:
    found = environment.read()
    return Publisher(found.broker_url, found.broker_folder)
