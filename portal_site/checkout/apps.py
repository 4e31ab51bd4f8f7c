from django.apps import AppConfig


class CheckoutConfig(AppConfig):
    name = "portal_site.checkout"
