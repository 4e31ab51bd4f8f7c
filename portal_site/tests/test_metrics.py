"""Metrics of the portal: its requests, and only with the token."""

from typing import Any

import pytest
from django.test import Client


@pytest.mark.django_db
def test_pages_are_counted(settings: Any) -> None:
    settings.METRICS_TOKEN = "a-token"
    Client().get("/health")
    said = Client().get("/metrics", headers={"Authorization": "Bearer a-token"}).content.decode()
    assert 'ticketflow_requests_total{method="GET",program="portal"' in said


def test_without_a_token_there_is_no_such_page(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert Client().get("/metrics").status_code == 404
