"""Fixtures of the site's tests; the environment (databases, keys) is the runner's."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from hypothesis import settings as hypothesis_settings

from middleware_worker.contract.credentials import issue
from middleware_worker.outbox import closing
from reservations_site.events.models import Event
from reservations_site.events.tests.factories import make_event
from reservations_site.reservations import at_once
from reservations_site.reservations.throttle import calls

# A busy machine is slow; that is no failure.
hypothesis_settings.register_profile("site", deadline=None)
hypothesis_settings.load_profile("site")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "postgresql: needs row locks, so real concurrency; left out on SQLite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        return
    others = [item for item in items if item.get_closest_marker("postgresql")]
    items[:] = [item for item in items if item not in others]
    if others:
        config.hook.pytest_deselected(items=others)


@pytest.fixture(autouse=True)
def _nobody_has_called_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Throttles count anew in each test."""
    cache.clear()
    calls.forget()
    # Known to be open, so that no test sees a query more than another; who closes makes it look again.
    closing.forget()
    monkeypatch.setattr(closing._kept["default"], "until", float("inf"))
    yield
    cache.clear()
    calls.forget()


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seats are taken statement by statement, as on a database other than PostgreSQL."""
    monkeypatch.setattr(at_once, "can", lambda wanted: False)


@pytest.fixture(params=["at_once", "plainly"])
def both_ways(request: pytest.FixtureRequest) -> str:
    """The test runs twice: seats taken in one statement, and statement by statement."""
    if request.param == "plainly" or not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        request.getfixturevalue("plainly")
    return request.param


@pytest.fixture
def event(db: None) -> Event:
    """An event on sale: rows A to C of eight seats, an aisle after the fourth."""
    return make_event()


@pytest.fixture
def api() -> Client:
    """A program outside, without credentials."""
    return Client()


@pytest.fixture
def worker() -> Client:
    """The worker, with its credential."""
    key = settings.SERVICE_KEYS["worker"][0]
    return Client(headers={"Authorization": f"Service {issue(caller='worker', audience='reservations', key=key)}"})


@pytest.fixture
def billing(settings: Any) -> Client:
    """Billing, with its credential, which is good for healing and comparing alone."""
    key = "a-key-of-billing-for-tests-that-is-long-enough"
    settings.SERVICE_KEYS = {**settings.SERVICE_KEYS, "billing": [key]}
    return Client(headers={"Authorization": f"Service {issue(caller='billing', audience='reservations', key=key)}"})


@pytest.fixture
def portal() -> Client:
    """The portal, with its credential."""
    key = settings.SERVICE_KEYS["portal"][0]
    return Client(headers={"Authorization": f"Service {issue(caller='portal', audience='reservations', key=key)}"})
