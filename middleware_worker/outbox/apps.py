from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "middleware_worker.outbox"
    label = "outbox"
    verbose_name = "Mensajes por llevar"
    default_auto_field = "django.db.models.BigAutoField"
