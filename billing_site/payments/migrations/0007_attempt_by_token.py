from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0006_sent_at")]
    operations = [migrations.AddIndex("paymentattempt", models.Index(fields=["token"], name="attempt_by_token"))]
