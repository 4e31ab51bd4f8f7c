from django.db import migrations

from billing_site.binary_columns import compare_bytes


class Migration(migrations.Migration):
    dependencies = [("tickets", "0004_external_id_bytes")]
    operations = [compare_bytes(table="tickets_order", column="email", length=254)]
