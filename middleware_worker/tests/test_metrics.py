"""Metrics of the front: the queues, and only with the token."""

from typing import Any

import pytest
from django.test import Client

from middleware_worker.gateway import health


def test_the_queues_as_they_are_now(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = health.Health(broker=True, worker=False, queues={"new_ticket": 7, "gone": None})
    monkeypatch.setattr(health, "look", lambda: found)
    settings.METRICS_TOKEN = "a-token"
    said = Client().get("/metrics", headers={"Authorization": "Bearer a-token"}).content.decode()
    assert 'ticketflow_queue_messages{queue="new_ticket"} 7.0' in said
    assert "gone" not in said
    assert "ticketflow_worker_up 0.0" in said


def test_without_a_token_there_is_no_such_page(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert Client().get("/metrics").status_code == 404
