"""Which database is asked: the catalogue may come from the replica, everything else from the primary."""

from types import SimpleNamespace

import pytest

from middleware_worker.outbox.models import OutboxMessage
from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.reservations.models import AuditEntry, Line, Reservation
from reservations_site.router import ReservationsRouter
from reservations_site.venues.models import PlanSeat, Section, Venue

router = ReservationsRouter()
CATALOGUE = [Venue, Section, PlanSeat, Event, EventSection]
DECIDED = [Seat, Reservation, Line, AuditEntry, OutboxMessage]


def databases(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr("reservations_site.router.settings", SimpleNamespace(DATABASES=dict.fromkeys(names)))


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> None:
    databases(monkeypatch, "default", "replica")


@pytest.mark.parametrize("model", CATALOGUE)
def test_the_catalogue_comes_from_the_replica(model: type, replica: None) -> None:
    assert router.db_for_read(model) == "replica"


@pytest.mark.parametrize("model", DECIDED)
def test_availability_and_reservations_come_from_the_primary(model: type, replica: None) -> None:
    assert router.db_for_read(model) == "default"


@pytest.mark.parametrize("model", CATALOGUE + DECIDED)
def test_every_write_goes_to_the_primary(model: type, replica: None) -> None:
    assert router.db_for_write(model) == "default"


@pytest.mark.parametrize("model", CATALOGUE + DECIDED)
def test_without_a_replica_everything_comes_from_the_primary(model: type, monkeypatch: pytest.MonkeyPatch) -> None:
    databases(monkeypatch, "default")
    assert router.db_for_read(model) == "default"


def test_what_hangs_on_an_object_of_the_primary_comes_from_the_primary(replica: None) -> None:
    seen, other = Event(), Event()
    seen._state.db, other._state.db = "default", "replica"
    assert router.db_for_read(EventSection, instance=seen) == "default"
    assert router.db_for_read(EventSection, instance=other) == "replica"


def test_migrations_run_on_the_primary_alone(replica: None) -> None:
    assert router.allow_migrate("default", "events")
    assert not router.allow_migrate("replica", "events")
    assert router.allow_relation(Event(), Venue())
