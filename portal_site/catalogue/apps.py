from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "portal_site.catalogue"
