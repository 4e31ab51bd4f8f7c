from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0007_refunded_price")]
    operations = [migrations.AddIndex("admission", models.Index(fields=["at"], name="admission_at"))]
