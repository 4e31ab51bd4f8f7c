from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ReservationsConfig(AppConfig):
    name = "reservations_site.reservations"
    verbose_name = _("Reservas")

    def ready(self) -> None:
        from reservations_site.clusters import number_from_here

        post_migrate.connect(number_from_here, dispatch_uid="reservations_site.clusters")
