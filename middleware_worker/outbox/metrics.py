"""How much waits in the outbox, since when, and how long carrying takes."""

from collections.abc import Iterator

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import Histogram
from prometheus_client.metrics_core import Metric

from middleware_worker.contract.metrics import gauge
from middleware_worker.outbox.closing import is_closed
from middleware_worker.outbox.models import OutboxMessage

State = OutboxMessage.State

carried = Histogram(
    "ticketflow_carry_seconds",
    "From the transaction that wrote a message to its receipt",
    buckets=(0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)


def collect() -> Iterator[Metric]:
    """The outbox as it is now."""
    unsettled = OutboxMessage.objects.filter(state__in=[State.OPEN, State.REJECTED]).order_by()
    rows = {
        row["state"]: row for row in unsettled.values("state").annotate(count=Count("id"), oldest=Min("created_at"))
    }
    counts = {state.name.lower(): rows.get(state, {"count": 0})["count"] for state in (State.OPEN, State.REJECTED)}
    yield gauge("ticketflow_outbox_rows", "Messages without a receipt", counts, label="state")
    oldest = rows[State.OPEN]["oldest"] if State.OPEN in rows else None
    age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    yield gauge("ticketflow_outbox_oldest_seconds", "Age of the oldest open message", {"": max(0.0, age)})
    yield gauge("ticketflow_closed", "1 while the site is closed to heal", {"": float(is_closed())})
