from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TicketsConfig(AppConfig):
    name = "billing_site.tickets"
    verbose_name = _("Boletos")

    def ready(self) -> None:
        """A wrong BILLING_TICKET_KEYS is said at the start, not by the first ticket's PDF."""
        from billing_site.tickets import signing

        signing.public_keys()
