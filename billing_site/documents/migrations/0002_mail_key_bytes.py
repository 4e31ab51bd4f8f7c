from django.db import migrations

from billing_site.binary_columns import compare_bytes


class Migration(migrations.Migration):
    dependencies = [("documents", "0001_initial")]
    operations = [compare_bytes(table="documents_mail", column="key", length=200)]
