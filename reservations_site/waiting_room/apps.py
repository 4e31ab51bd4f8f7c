from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WaitingRoomConfig(AppConfig):
    name = "reservations_site.waiting_room"
    verbose_name = _("Sala de espera")
