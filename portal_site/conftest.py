"""What all tests of the portal share: the two other sites as fakes, and empty memories."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from portal_site.catalogue import live
from portal_site.clients import billing, reservations
from portal_site.clients.tests.fakes import KEY, Servers, Sites
from portal_site.waiting_room import rooms


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
    settings.SEAT_STATES_SECONDS = 0
    cache.clear()
    live._boards.clear()
    rooms.forget()
    servers.sites = Sites()
    servers.sites.add_event(1, "Concierto", sections=[("Platea", 25000, 4, 10), ("Galería", 10000, 3, 10)])
    yield servers.sites
    # Connections are per process: each test begins with new ones, and with no memory of failures.
    reservations.reservations().site.close()
    billing.billing().site.close()
    reservations._site.cache_clear()
    billing._site.cache_clear()
