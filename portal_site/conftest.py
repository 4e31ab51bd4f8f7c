"""What all tests of the portal share: the two other sites as fakes, and empty memories."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from portal_site.clients import billing, reservations
from portal_site.clients.tests.fakes import KEY, Servers, Sites


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    running = Servers()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def sites(servers: Servers, settings: Settings) -> Iterator[Sites]:
    """Both sites, with one event of two sections and nothing sold."""
    settings.RESERVATIONS_URL, settings.BILLING_URL = servers.reservations_url, servers.billing_url
    settings.SERVICE_KEY = KEY
    cache.clear()
    servers.sites = Sites()
    servers.sites.add_event(1, "Concierto", sections=[("Platea", 25000, 4, 10), ("Galería", 10000, 3, 10)])
    yield servers.sites
    # Connections are per process: each test begins with new ones, and with no memory of failures.
    reservations.reservations().site.close()
    billing.billing().site.close()
    reservations._site.cache_clear()
    billing._site.cache_clear()
