"""`take_seats_2`: as before, and a buyer reserves only so often in a minute. The old function stays for old releases."""

from pathlib import Path

from django.db import migrations

FUNCTION = Path(__file__).with_suffix(".sql")


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION.read_text(encoding="utf-8"), None)


def unmake(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION take_seats_2", None)


class Migration(migrations.Migration):
    dependencies = [("reservations", "0004_take_seats")]
    operations = [migrations.RunPython(make, unmake)]
