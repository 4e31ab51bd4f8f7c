from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0004_returned_at")]
    operations = [migrations.AddField("paymentattempt", "refunding", models.CharField(max_length=26, blank=True, default="", db_default=""))]
