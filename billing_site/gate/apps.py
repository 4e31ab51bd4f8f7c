from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GateConfig(AppConfig):
    name = "billing_site.gate"
    verbose_name = _("Puertas")
