from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeadLettersConfig(AppConfig):
    name = "billing_site.dead_letters"
    verbose_name = _("Mensajes muertos")
