"""What waits in the queues, and whether anybody carries."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from middleware_worker.contract.metrics import gauge
from middleware_worker.gateway import health


def collect() -> Iterator[Metric]:
    """The broker as it is now; queues that are not there are left out."""
    found = health.look()
    depths = {name: float(depth) for name, depth in found.queues.items() if depth is not None}
    yield gauge("ticketflow_queue_messages", "Messages that wait in a queue", depths, label="queue")
    yield gauge("ticketflow_broker_up", "1 while the broker answers", {"": float(found.broker)})
    yield gauge("ticketflow_worker_up", "1 while a worker answers", {"": float(found.worker)})
