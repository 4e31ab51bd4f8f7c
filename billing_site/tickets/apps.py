from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TicketsConfig(AppConfig):
    name = "billing_site.tickets"
    verbose_name = _("Boletos")
