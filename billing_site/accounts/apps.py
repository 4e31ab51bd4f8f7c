from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "billing_site.accounts"
    verbose_name = _("Personas")
