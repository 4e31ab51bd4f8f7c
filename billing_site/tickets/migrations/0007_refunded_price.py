from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0006_paid_price")]
    operations = [migrations.AddIndex("ticket", models.Index(fields=["refunded_at", "price"], name="ticket_refunded_price"))]
