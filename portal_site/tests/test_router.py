"""The portal's database holds its own tables and refuses all others."""

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection, models

from portal_site.catalogue.models import Snapshot
from portal_site.router import ForeignTable, PortalRouter

router = PortalRouter()


class Ticket(models.Model):
    class Meta:
        app_label = "tickets"
        managed = False


@pytest.mark.parametrize("model", [Snapshot, Session])
def test_own_tables_are_read_and_written_in_the_portals_database(model: type[models.Model]) -> None:
    assert router.db_for_read(model) == "default"
    assert router.db_for_write(model) == "default"


def test_another_programs_table_is_neither_read_nor_written() -> None:
    with pytest.raises(ForeignTable):
        router.db_for_read(Ticket)
    with pytest.raises(ForeignTable):
        list(Ticket.objects.all())
    with pytest.raises(ForeignTable):
        Ticket.objects.create()


@pytest.mark.parametrize(
    ("database", "app", "allowed"),
    [
        ("default", "sessions", True),
        ("default", "catalogue", True),
        ("default", "tickets", False),
        ("default", "outbox", False),
        ("default", "auth", False),
        ("replica", "sessions", False),
    ],
)
def test_only_own_apps_migrate_and_only_in_the_portals_database(database: str, app: str, allowed: bool) -> None:
    assert router.allow_migrate(database, app) is allowed


def test_relations_stay_inside_the_own_apps() -> None:
    assert router.allow_relation(Snapshot(), Session())
    assert not router.allow_relation(Snapshot(), Ticket())


@pytest.mark.django_db
def test_the_database_holds_no_table_of_anybody_else() -> None:
    tables = set(connection.introspection.table_names())
    assert tables <= {"django_migrations", "django_session", "catalogue_snapshot"}


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
    assert {config.label for config in apps.get_app_configs() if list(config.get_models())} == {"sessions", "catalogue"}
