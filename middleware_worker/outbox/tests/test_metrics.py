"""Metrics: only with the token, and what they say of the outbox."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from middleware_worker.contract.messages import Answer
from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.services import settle
from middleware_worker.outbox.tests.conftest import add

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-the-tests"


def scraped(settings: Any) -> dict[str, float]:
    settings.METRICS_TOKEN = TOKEN
    page = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", "Host": "10.0.0.7:8083"})
    assert page.status_code == 200
    lines = [line.rpartition(" ") for line in page.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _space, value in lines}


def test_without_a_token_there_is_no_such_page(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("given", ["", TOKEN, "Bearer wrong", f"Basic {TOKEN}"])
def test_with_a_wrong_token_nothing_is_told(settings: Any, given: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert Client().get("/metrics", headers={"Authorization": given}).status_code == 401


def test_the_outbox_as_it_is_now(settings: Any) -> None:
    first, second, third = add(3)
    OutboxMessage.objects.filter(id=first.id).update(created_at=timezone.now() - timedelta(hours=2))
    before = scraped(settings)
    settle([Answer(id=str(second.id), result="rejected", code="x"), Answer(id=str(third.id), result="done")])
    after = scraped(settings)
    assert before['ticketflow_outbox_rows{state="open"}'] == 3
    assert (after['ticketflow_outbox_rows{state="open"}'], after['ticketflow_outbox_rows{state="rejected"}']) == (1, 1)
    assert 7100 < after["ticketflow_outbox_oldest_seconds"] < 7300
    assert after["ticketflow_carry_seconds_count"] == before["ticketflow_carry_seconds_count"] + 1
    assert after["ticketflow_metrics_missing"] == 0


def test_requests_are_counted_by_the_pattern_of_their_address(settings: Any) -> None:
    before = scraped(settings)
    Client().get("/health")
    Client().get("/no/such/page")
    after = scraped(settings)
    name = settings.SERVICE_NAME
    counted = f'ticketflow_requests_total{{method="GET",program="{name}",status="200",view="health"}}'
    assert after[counted] == before.get(counted, 0) + 1
    assert f'ticketflow_request_seconds_count{{program="{name}",view="other"}}' in after


def test_a_collector_that_fails_is_missed_and_the_rest_is_told(settings: Any) -> None:
    settings.METRICS = ["middleware_worker.outbox.no_such", *settings.METRICS]
    assert scraped(settings)["ticketflow_metrics_missing"] == 1
