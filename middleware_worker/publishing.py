"""Putting messages on our queues: every publish returns when the broker has confirmed it, or raises."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from celery import Celery

from middleware_worker import broker
from middleware_worker.dead_letters import DeadLetter

# A pooled connection that the broker closed meanwhile, or a queue that was deleted, shows at once: again on
# a new connection, which declares anew. A broker that does not answer is not asked twice.
ATTEMPTS = 3
AT_ONCE_SECONDS = 1.0


class Publisher:
    """Publishes with confirms over a pool of connections; safe for threads, made anew in each process.

    With `mandatory` a message that no queue took is an error too: RabbitMQ confirms those.
    """

    def __init__(self, broker_url: str, folder: str = "") -> None:
        self.app = Celery("publisher", set_as_current=False)
        self.app.config_from_object(
            # Nobody answers heartbeats on a connection that waits in the pool: it would be cut off.
            {**broker.celery_settings(broker_url, folder), "broker_heartbeat": 0}
        )
        self._folder = broker.is_folder(broker_url)

    def carry(
        self,
        *,
        source: str,
        messages: Sequence[dict[str, Any]],
        queue: str,
        lifetime: timedelta | None = None,
        task_id: str | None = None,
    ) -> None:
        """A batch of messages for the worker. With a lifetime it is gone when that is over."""
        options: dict[str, Any] = {}
        if lifetime is not None:
            # The broker's own per-message TTL. Not `expires`: with that the worker compares clocks, and a
            # worker whose clock is two minutes off would throw everything away. Only the embedded broker,
            # which knows no TTL and is one machine with one clock, needs it.
            options["expires" if self._folder else "expiration"] = lifetime.total_seconds()
        self._confirmed(
            lambda: self.app.send_task(
                broker.CARRY_TASK,
                kwargs={"source": source, "messages": list(messages)},
                task_id=task_id,
                queue=queue,
                declare=[broker.dead_letter_queue, self.app.amqp.queues[queue]],
                mandatory=True,
                confirm_timeout=broker.CONFIRM_SECONDS,
                retry=False,
                ignore_result=True,
                add_to_parent=False,
                **options,
            )
        )

    def dead_letter(self, letter: DeadLetter) -> None:
        """A dead letter with its reason."""
        self._confirmed(lambda: self._publish_letter(letter))

    def close(self) -> None:
        self.app.close()

    def _publish_letter(self, letter: DeadLetter) -> None:
        with self.app.producer_pool.acquire(block=True, timeout=broker.CONNECT_SECONDS) as producer:
            producer.publish(
                letter.body,
                exchange=broker.dead_letter_exchange,
                routing_key="",
                content_type="application/octet-stream",
                content_encoding="binary",
                headers=letter.headers(),
                delivery_mode=2,
                declare=[broker.dead_letter_queue],
                mandatory=True,
                confirm_timeout=broker.CONFIRM_SECONDS,
                retry=False,
                message_id=letter.delivery_id,
            )

    def _confirmed(self, publish: Callable[[], object]) -> None:
        began = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                publish()
                return
            except Exception:
                if attempt == ATTEMPTS or time.monotonic() - began > AT_ONCE_SECONDS:
                    raise
