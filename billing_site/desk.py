"""The staff's side of the site: Django's admin, with a start page of today, the check-in and the sums."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.i18n import set_language


class Desk(admin.AdminSite):
    site_header = _("TicketFlow · Boletería")
    site_title = _("TicketFlow")
    index_title = _("Hoy")
    index_template = "admin/today.html"
    empty_value_display = "—"
    site_url = settings.PORTAL_URL

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from billing_site.accounts.forms import StaffLoginForm

        self.login_form = StaffLoginForm
        return super().login(request, extra_context)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # Imported here: the models are not loaded yet when the site is made.
        from billing_site.carriage import views as carriage
        from billing_site.event_refunds import views as event_refunds
        from billing_site.payments import views as payments
        from billing_site.tickets import views as tickets

        return [
            path("search/", self.admin_view(tickets.search_page), name="search"),
            path("carriage/", self.admin_view(carriage.carriage_page), name="carriage"),
            path("check-in/", self.admin_view(tickets.check_in_page), name="check_in"),
            path("sums/", self.admin_view(payments.sums_page), name="sums"),
            path("event-refunds/", self.admin_view(event_refunds.list_page), name="event_refunds"),
            path("event-refunds/new/", self.admin_view(event_refunds.new_page), name="event_refund_new"),
            path("event-refunds/<int:id>/", self.admin_view(event_refunds.refund_page), name="event_refund"),
            path("language/", set_language, name="language"),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from billing_site.payments import today
        from billing_site.tickets.search import may_search

        context = {
            "today": today.figures(request.user),
            "attention": today.attention(request.user),
            "charts": today.charts(request.user),
            "can_search": may_search(request.user),
        }
        return super().index(request, {**context, **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        pages = []
        if request.user.has_perm("tickets.check_in_ticket"):
            pages.append(_page(_("Puerta, en el teléfono"), "gate:gate"))
            pages.append(_page(_("Control de ingreso"), "admin:check_in"))
        if request.user.has_perm("tickets.check_in_ticket") or request.user.has_perm("tickets.view_admission"):
            pages.append(_page(_("Entradas dobles"), "gate:doubles"))
        if request.user.has_perm("tickets.view_sums"):
            pages.append(_page(_("Sumas por evento y día"), "admin:sums"))
        if request.user.has_perm("event_refunds.view_eventrefund"):
            pages.append(_page(_("Reembolso de eventos"), "admin:event_refunds"))
        if request.user.has_perm("outbox.view_outboxmessage"):
            pages.append(_page(_("Mensajería: colas y trabajadores"), "admin:carriage"))
        apps = super().get_app_list(request, app_label)
        if not pages or app_label:
            return apps
        own = {"name": _("Operación"), "app_label": "operation", "app_url": reverse("admin:index"), "models": pages}
        return [own | {"has_module_perms": True}, *apps]


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only services write: staff look at them, and act through the actions."""

    show_full_result_count = False
    list_per_page = 50
    # Without Django's own history, which knows of nothing that services do: the audit does.
    change_form_template = "admin/read_only.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def may_act(request: HttpRequest, permission: str) -> bool:
    """Whether the person may do what the permission («app.codename») names."""
    return bool(request.user.has_perm(permission))


def badge(label: Any, tone: str) -> SafeString:
    """A status as a coloured label; the word says it, the colour only helps."""
    return format_html('<span class="badge badge-{}">{}</span>', tone, label)


def _page(name: Any, url_name: str) -> dict[str, Any]:
    url = reverse(url_name)
    perms = {"add": False, "change": False, "delete": False, "view": True}
    return {"name": name, "object_name": url_name, "admin_url": url, "add_url": None, "view_only": True, "perms": perms}
