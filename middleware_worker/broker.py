"""Queues and Celery settings that the relays, the worker, the ingress and the HTTP front share."""

from pathlib import Path
from typing import Any

from kombu import Connection, Exchange, Queue
from kombu.exceptions import ChannelError

CARRY_TASK = "ticketflow.carry"
TO_BILLING = "ticketflow.to_billing"
TO_RESERVATIONS = "ticketflow.to_reservations"
OUTSIDE = "ticketflow.outside"
DEAD_LETTERS = "ticketflow.dead_letters"
NEW_TICKET = "new_ticket"

# What each step may take on a broker that does not answer. kombu has no transport option for the
# confirm: it is given with each publish (`middleware_worker.publishing`).
CONFIRM_SECONDS = 2
CONNECT_SECONDS = 4
HEARTBEAT_SECONDS = 10

# A message whose handler kills the worker is tried four times, then it is a dead letter.
DELIVERY_LIMIT = 3

dead_letter_exchange = Exchange("ticketflow.dlx", type="fanout", durable=True)
# RabbitMQ 4 throws a message away that came back twenty times, unless the queue says otherwise. A dead
# letter comes back whenever billing was away, and there is nothing behind this queue.
dead_letter_queue = Queue(
    DEAD_LETTERS,
    dead_letter_exchange,
    routing_key="",
    durable=True,
    queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": 1_000_000},
)
# Declared without arguments, exactly as producers outside the project declare it: what else it needs
# (the dead-letter exchange) comes from a policy, see deploy/rabbitmq.
new_ticket_queue = Queue(NEW_TICKET, Exchange(""), routing_key=NEW_TICKET, durable=True)

_exchange = Exchange("ticketflow", type="topic", durable=True)


def _carry_queue(name: str) -> Queue:
    return Queue(
        name,
        _exchange,
        routing_key=name,
        durable=True,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": dead_letter_exchange.name,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


carry_queues = [_carry_queue(name) for name in (TO_BILLING, TO_RESERVATIONS, OUTSIDE)]


def transport_options(broker_url: str, folder: str) -> dict[str, Any]:
    """kombu's options for RabbitMQ, or for the embedded broker that is a folder of files."""
    if is_folder(broker_url):
        queues, control = Path(folder) / "queues", Path(folder) / "control"
        for path in (queues, control):
            path.mkdir(parents=True, exist_ok=True)
        folders = {"data_folder_in": str(queues), "data_folder_out": str(queues), "control_folder": str(control)}
        return {**folders, "polling_interval": 0.1}
    # Without the time-outs a publish to a frozen broker blocks for half a minute. A connection that is
    # refused fails at once: every program of ours has its own way to try again.
    return {"confirm_publish": True, "read_timeout": 3, "write_timeout": 3, "max_retries": 0}


def is_folder(broker_url: str) -> bool:
    """Whether the broker is the embedded one: a folder of files on this machine."""
    return broker_url.startswith("filesystem:")


def connection(broker_url: str, folder: str = "") -> Connection:
    """A connection of one's own, not yet open; never to be shared between threads."""
    return Connection(
        broker_url,
        heartbeat=HEARTBEAT_SECONDS,
        connect_timeout=CONNECT_SECONDS,
        transport_options=transport_options(broker_url, folder),
    )


def declare(opened: Connection) -> None:
    """Every queue of ours, dead letters first: at-least-once dead-lettering needs its target."""
    for queue in (dead_letter_queue, *carry_queues):
        queue(opened.default_channel).declare()


def declare_new_ticket(opened: Connection) -> None:
    """The sellers' queue. It may exist with other arguments; then it is used as it is."""
    try:
        with opened.channel() as channel:
            new_ticket_queue(channel).declare()
    except ChannelError as error:
        if getattr(error, "reply_code", None) != 406:
            raise


def celery_settings(broker_url: str, folder: str = "") -> dict[str, Any]:
    """Celery's configuration, for every program that sends or receives."""
    return {
        "broker_url": broker_url,
        "broker_transport_options": transport_options(broker_url, folder),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "broker_heartbeat": HEARTBEAT_SECONDS,
        "broker_connection_timeout": CONNECT_SECONDS,
        "task_queues": carry_queues,
        "task_default_queue": TO_BILLING,
        "task_default_queue_type": "quorum",
        "task_default_exchange": _exchange.name,
        "task_default_exchange_type": "topic",
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": False,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "worker_hijack_root_logger": False,
        "timezone": "America/Santiago",
    }
