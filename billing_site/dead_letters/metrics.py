"""How many dead letters nobody has looked at."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from billing_site.dead_letters.models import DeadLetter
from middleware_worker.contract.metrics import gauge


def collect() -> Iterator[Metric]:
    """Dead letters that wait for a person."""
    waiting = DeadLetter.objects.filter(status=DeadLetter.Status.OPEN).count()
    yield gauge("ticketflow_dead_letters", "Messages of outside sellers that wait for a person", {"": waiting})
