from django.contrib.admin.apps import AdminConfig


class DeskConfig(AdminConfig):
    """Django's admin with the site's own start page, check-in and sums."""

    default_site = "billing_site.desk.Desk"
