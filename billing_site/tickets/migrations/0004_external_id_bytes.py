from django.db import migrations

from billing_site.binary_columns import compare_bytes


class Migration(migrations.Migration):
    dependencies = [("tickets", "0003_code_bytes")]
    operations = [compare_bytes(table="tickets_ticket", column="external_id", length=128)]
