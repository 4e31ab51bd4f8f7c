from django.db import migrations

from billing_site.binary_columns import compare_bytes


class Migration(migrations.Migration):
    dependencies = [("tickets", "0002_generation")]
    operations = [compare_bytes(table="tickets_order", column="code", length=128)]
