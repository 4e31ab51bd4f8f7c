from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal_site.accounts"
