from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LoginsConfig(AppConfig):
    name = "reservations_site.logins"
    verbose_name = _("ingresos")
