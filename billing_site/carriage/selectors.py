"""How messages travel between the sites just now: what waits where, since when, and who carries it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests
from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from billing_site.dead_letters.models import DeadLetter
from middleware_worker.outbox.models import OutboxMessage

State = OutboxMessage.State
# Seconds, to connect and to answer: the middleware itself asks the broker and the worker, a second each.
TIMEOUT = (1, 4)


@dataclass(frozen=True)
class Waiting:
    """Messages in one place: how many, and how old the oldest is. None where nobody says."""

    count: int | None = None
    oldest: timedelta | None = None


@dataclass(frozen=True)
class Carriage:
    """`middleware` is whether its front answers; without it nothing is known of broker, worker and queues."""

    ours: Waiting
    theirs: Waiting
    rejected: int
    dead_letters: int
    middleware: bool = False
    broker: bool = False
    worker: bool = False
    queues: dict[str, int | None] = field(default_factory=dict)
    error: str = ""

    @property
    def carries(self) -> bool:
        return self.middleware and self.broker and self.worker

    def queue(self, name: str) -> int | None:
        return self.queues.get(name)


def look() -> Carriage:
    """The state now: ours from the database, the rest asked over HTTP."""
    rows = OutboxMessage.objects.filter(state__in=[State.OPEN, State.REJECTED]).order_by()
    found = {row["state"]: row for row in rows.values("state").annotate(n=Count("id"), since=Min("created_at"))}
    ours = found.get(State.OPEN)
    return Carriage(
        ours=Waiting(ours["n"], timezone.now() - ours["since"]) if ours else Waiting(0),
        theirs=_of_reservations(),
        rejected=found.get(State.REJECTED, {"n": 0})["n"],
        dead_letters=DeadLetter.objects.filter(status=DeadLetter.Status.OPEN).count(),
        **_of_middleware(),
    )


def _of_middleware() -> dict[str, Any]:
    try:
        # 503 is an answer too: it says what is missing.
        said = _get(f"{settings.MIDDLEWARE_URL.rstrip('/')}/health").json()
        queues = {str(name): count for name, count in said["queues"].items()}
        return {
            "middleware": True,
            "broker": said["broker"] == "connected",
            "worker": said["worker"] == "alive",
            "queues": queues,
            "error": str(said.get("error", "")),
        }
    except (requests.RequestException, ValueError, KeyError, AttributeError, TypeError) as error:
        return {"error": type(error).__name__}


def _of_reservations() -> Waiting:
    """The outbox of reservations, which holds the tickets that have not reached us; its metrics need the token."""
    if not settings.METRICS_TOKEN:
        return Waiting()
    try:
        answer = _get(
            f"{settings.OTHER_SITE_METRICS_URL.rstrip('/')}/metrics", Authorization=f"Bearer {settings.METRICS_TOKEN}"
        )
        answer.raise_for_status()
        values = {
            (sample.name, sample.labels.get("state", "")): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }
        count = int(values["ticketflow_outbox_rows", "open"])
        age = timedelta(seconds=values["ticketflow_outbox_oldest_seconds", ""])
    except (requests.RequestException, ValueError, KeyError):
        return Waiting()
    return Waiting(count, age if count else None)


def _get(url: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=TIMEOUT, allow_redirects=False)
