from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    name = "reservations_site.events"
    verbose_name = _("Eventos")
