from django.db import migrations

from billing_site.binary_columns import compare_bytes


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_registration_attempts")]
    operations = [compare_bytes(table="user", column="email", length=254, null=True)]
