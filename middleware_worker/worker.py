"""The Celery worker: `celery -A middleware_worker.worker worker -n ticketflow@%h-<unique>`.

Give every worker a node name of its own: one that comes back under the name of a connection that
RabbitMQ still believes alive is refused (405 RESOURCE_LOCKED).
"""

import logging
import os
import sys
from typing import Any

from celery import Celery, bootsteps, signals
from celery.worker import consumer as celery_consumer

from middleware_worker import broker, environment, stopping

log = logging.getLogger(__name__)

_found = environment.read()
app = Celery("ticketflow", include=["middleware_worker.tasks"])
app.config_from_object(broker.celery_settings(_found.broker_url, _found.broker_folder))


class Consumer(celery_consumer.Consumer):
    """Celery's, without the steps that we have no use for.

    Delayed delivery declares 28 quorum queues, and no message of ours has a countdown. Mingle waits a
    second at each connection for revoked tasks and logical clocks, which nothing here looks at; gossip
    serves it. Flower needs neither.
    """

    class Blueprint(celery_consumer.Consumer.Blueprint):
        default_steps = [
            step
            for step in celery_consumer.Consumer.Blueprint.default_steps
            if step.rpartition(":")[2] != "DelayedDelivery"
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "without_mingle": True, "without_gossip": True})


app.conf.worker_consumer = "middleware_worker.worker:Consumer"


class DeclareQueues(bootsteps.StartStopStep):
    """Declares every queue of ours before the worker consumes, at each connection."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def start(self, consumer: Any) -> None:
        broker.declare(consumer.connection)


app.steps["consumer"].add(DeclareQueues)


@signals.setup_logging.connect
def _log_lines(loglevel: int = logging.INFO, **_kwargs: Any) -> None:
    """One plain line an event on stderr; Celery's own set-up is not used."""
    level = os.environ.get("LOG_LEVEL", "") or loglevel
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(stream=sys.stderr, level=level, format=form)
    # One line a batch is ours; "received" and "succeeded" around it say nothing more.
    for name in ("celery.worker.strategy", "celery.app.trace", "amqp"):
        logging.getLogger(name).setLevel(logging.WARNING)


@signals.worker_shutting_down.connect
def _end_pauses(**_kwargs: Any) -> None:
    stopping.stop()
