from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_form_url")]
    operations = [migrations.AddField("paymentattempt", "returned_at", models.DateTimeField("volvió", null=True, blank=True))]
