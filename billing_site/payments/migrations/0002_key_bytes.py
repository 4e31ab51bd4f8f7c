from django.db import migrations

from billing_site.binary_columns import compare_bytes


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]
    operations = [compare_bytes(table="payments_paymentattempt", column="idempotency_key", length=200, null=True)]
