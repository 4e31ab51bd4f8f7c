"""`take_seats_3`: as before, and it asks for an admission where the event has a waiting room."""

from pathlib import Path

from django.db import migrations

FUNCTION = Path(__file__).with_suffix(".sql")


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION.read_text(encoding="utf-8"), None)


def unmake(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION take_seats_3", None)


class Migration(migrations.Migration):
    dependencies = [
        ("reservations", "0005_take_seats_rate"),
        ("waiting_room", "0001_initial"),
    ]
    operations = [migrations.RunPython(make, unmake)]
