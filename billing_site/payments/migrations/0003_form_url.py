from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_key_bytes")]
    operations = [migrations.AddField("paymentattempt", "form_url", models.CharField(max_length=255, blank=True, default="", db_default=""))]
