"""All addresses of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from billing_site.accounts import api as accounts
from billing_site.dead_letters import api as dead_letters
from billing_site.failures import NoSuchCall
from billing_site.gate import api as gate
from billing_site.healing import api as healing
from billing_site.health import HealthView, InstanceView
from billing_site.payments import api as payments
from billing_site.tickets import api as tickets

internal: list[URLPattern | URLResolver] = [
    path("", include("middleware_worker.outbox.urls")),
    path("healing/orders", healing.OrdersView.as_view()),
    path("dead-letters", dead_letters.DeadLettersView.as_view()),
    path("dead-letters/<int:id>/replay", dead_letters.ReplayView.as_view()),
    path("dead-letters/<int:id>/discard", dead_letters.DiscardView.as_view()),
]

api: list[URLPattern | URLResolver] = [
    path("internal/", include(internal)),
    path("instance", InstanceView.as_view()),
    path("tickets", tickets.TicketsView.as_view()),
    # An outside id may hold a slash, so the calls on a ticket come before the ticket itself.
    path("tickets/<path:external_id>/check-in", tickets.CheckInView.as_view()),
    path("tickets/<path:external_id>/refund", tickets.RefundView.as_view()),
    path("tickets/<path:external_id>/document", tickets.DocumentView.as_view()),
    path("tickets/<path:external_id>", tickets.TicketView.as_view()),
    path("orders/<path:code>/pay", payments.PayView.as_view()),
    path("orders/<path:code>", tickets.OrderView.as_view()),
    path("payments/webpay/return", payments.WebpayReturnView.as_view()),
    path("register", accounts.RegisterView.as_view()),
    path("register/confirm", accounts.ConfirmView.as_view()),
    path("login", accounts.LoginView.as_view()),
    path("me", accounts.MeView.as_view()),
    path("me/email", accounts.EmailChangeView.as_view()),
    path("email/confirm", accounts.EmailConfirmView.as_view()),
    path("claims", accounts.ClaimsView.as_view()),
    path("password/forgot", accounts.ForgotView.as_view()),
    path("password/reset", accounts.ResetView.as_view()),
    path("gate/events", gate.EventsView.as_view()),
    path("gate/events/<str:key>/list", gate.ListView.as_view()),
    path("gate/scans", gate.ScansView.as_view()),
    path("gate/admissions", gate.AdmissionsView.as_view()),
    path("schema/", SpectacularAPIView.as_view(authentication_classes=[]), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema", authentication_classes=[])),
    path("<path:rest>", NoSuchCall.as_view()),
]

urlpatterns = [
    path("health", HealthView.as_view()),
    path("api/", include(api)),
    path("admin/", admin.site.urls),
    path("gate/", include("billing_site.gate.urls")),
]

handler400 = "middleware_worker.contract.drf.bad_request"
handler404 = "middleware_worker.contract.drf.not_found"
handler500 = "middleware_worker.contract.drf.server_error"
