from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventRefundsConfig(AppConfig):
    name = "billing_site.event_refunds"
    label = "event_refunds"
    verbose_name = _("Reembolso de eventos")
