from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "billing_site.accounts"
    verbose_name = _("Personas")

    def ready(self) -> None:
        # drf-spectacular knows its extensions by their having been imported.
        from billing_site.accounts import schema  # noqa: F401
