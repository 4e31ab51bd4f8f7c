"""The function with which `at_once` takes seats. PostgreSQL only; an old release does not know it."""

from pathlib import Path

from django.db import migrations

FUNCTION = Path(__file__).with_suffix(".sql")


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION.read_text(encoding="utf-8"), None)


def unmake(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION take_seats_1", None)


class Migration(migrations.Migration):
    dependencies = [
        ("reservations", "0003_roles"),
        ("events", "0002_seat_pages"),
        ("outbox", "0001_initial"),
        ("waiting_room", "0001_initial"),
    ]
    operations = [migrations.RunPython(make, unmake)]
