"""The picture of queues and workers: what it says when all is well, and when a part is away."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from billing_site.carriage import selectors
from billing_site.dead_letters import services as dead_letters
from middleware_worker.outbox.models import OutboxMessage

pytestmark = pytest.mark.django_db
URL = "/admin/carriage/"
HEALTHY = {
    "status": "healthy",
    "broker": "connected",
    "worker": "alive",
    "queues": {"ticketflow.to_billing": 3, "ticketflow.to_reservations": 0, "new_ticket": None},
}
METRICS = """# TYPE ticketflow_outbox_rows gauge
ticketflow_outbox_rows{state="open"} 7.0
ticketflow_outbox_rows{state="rejected"} 0.0
# TYPE ticketflow_outbox_oldest_seconds gauge
ticketflow_outbox_oldest_seconds 600.0
"""


class Answer:
    def __init__(self, body: Any) -> None:
        self.body, self.text = body, body

    def json(self) -> Any:
        return self.body

    def raise_for_status(self) -> None: ...


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the other programs say, by the end of the address; who says nothing cannot be reached."""
    answers: dict[str, Any] = {}

    def get(url: str, **headers: str) -> Answer:
        for end, body in answers.items():
            if url.endswith(end):
                return Answer(body)
        raise requests.ConnectionError(url)

    monkeypatch.setattr(selectors, "_get", get)
    return answers


def page(desk: Any, query: str = "") -> str:
    return desk("box office").get(URL + query).content.decode()


def test_all_is_well(desk: Any, said: dict[str, Any], settings: Any) -> None:
    said["/health"], settings.METRICS_TOKEN = HEALTHY, ""
    found = page(desk)
    assert 'data-verdict="wait"' in found
    assert "falta METRICS_TOKEN" in found
    settings.METRICS_TOKEN, said["/metrics"] = "a-token", METRICS.replace("600.0", "6.0")
    found = page(desk)
    assert 'data-verdict="good"' in found
    assert "3 esperan" in found
    assert "no existe todavía" in found
    assert page(desk, "?part=1").lstrip().startswith("<p")


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (None, "La mensajería no responde"),
        ({"broker": "unreachable", "worker": "silent", "queues": {}, "error": "refused"}, "RabbitMQ no responde"),
        ({"broker": "connected", "worker": "silent", "queues": {}}, "Ningún trabajador responde"),
        ({"queues": "nonsense"}, "La mensajería no responde"),
    ],
)
def test_what_is_away_is_named_and_the_page_still_answers(
    desk: Any, said: dict[str, Any], health: Any, words: str
) -> None:
    if health is not None:
        said["/health"] = health
    found = page(desk)
    assert 'data-verdict="bad"' in found
    assert words in found


def test_what_waits_too_long_is_said_with_its_age(desk: Any, said: dict[str, Any], settings: Any) -> None:
    said["/health"] = HEALTHY
    OutboxMessage.objects.create(
        type="ticket.status", aggregate="A", payload={}, created_at=timezone.now() - timedelta(hours=2)
    )
    dead_letters.store(queue="new_ticket", code="not_json", reason="x", body=b"x", delivery_id="1")
    found = page(desk)
    assert 'data-verdict="wait"' in found
    assert "el más antiguo hace 2" in found
    assert "1 espera</a>" in found


def test_the_tickets_that_reservations_still_holds_are_asked_for_with_the_metrics_token(
    said: dict[str, Any], settings: Any
) -> None:
    said["/metrics"], settings.METRICS_TOKEN = METRICS, ""
    assert selectors.look().theirs.count is None
    settings.METRICS_TOKEN = "a-token"
    assert selectors.look().theirs == selectors.Waiting(7, timedelta(minutes=10))
    said["/metrics"] = "nonsense {"
    assert selectors.look().theirs.count is None
