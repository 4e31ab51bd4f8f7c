from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0008_admission_at")]
    operations = [migrations.AddIndex("order", models.Index(fields=["email"], name="order_email"))]
