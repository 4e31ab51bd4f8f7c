from django.apps import AppConfig


class HealingConfig(AppConfig):
    name = "billing_site.healing"
    label = "healing"
