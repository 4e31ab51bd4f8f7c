from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0005_order_email_bytes")]
    operations = [migrations.AddIndex("ticket", models.Index(fields=["paid_at", "price"], name="ticket_paid_price"))]
