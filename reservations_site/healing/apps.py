from django.apps import AppConfig


class HealingConfig(AppConfig):
    name = "reservations_site.healing"
    label = "healing"
