from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_refunding")]
    operations = [migrations.AddField("refund", "sent_at", models.DateTimeField(null=True, blank=True))]
