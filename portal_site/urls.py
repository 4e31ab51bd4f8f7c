"""All addresses of the portal."""

from django.urls import include, path
from django.views.generic import RedirectView

from portal_site import pages
from portal_site.accounts import views as accounts
from portal_site.catalogue import views as catalogue
from portal_site.checkout import tickets
from portal_site.checkout import views as checkout

urlpatterns = [
    path("", catalogue.event_list, name="events"),
    path("evento/<int:event_id>", catalogue.event_page, name="event"),
    path("evento/<int:event_id>/ocupados.json", catalogue.taken_seats, name="taken_seats"),
    path("orden", checkout.find, name="find_order"),
    # An outside ticket's id may hold a slash, so the longer addresses come first.
    path("orden/<path:code>/estado.json", checkout.order_state, name="order_state"),
    path("orden/<path:code>/pagar", checkout.pay, name="pay"),
    path("orden/<path:code>/cancelar", checkout.cancel, name="cancel"),
    path("orden/<path:code>/boleto/<path:external_id>/pdf", tickets.ticket_pdf, name="order_ticket_pdf"),
    path("orden/<path:code>/boleto/<path:external_id>/devolver", tickets.refund, name="order_ticket_refund"),
    path("orden/<path:code>/boleto/<path:external_id>", tickets.ticket_page, name="order_ticket"),
    path("orden/<path:code>", checkout.order_page, name="order"),
    path("cuenta/registro", accounts.register, name="register"),
    path("cuenta/confirmar/<str:token>", accounts.confirm, name="confirm"),
    path("cuenta/entrar", accounts.login, name="login"),
    path("cuenta/ingresar", RedirectView.as_view(pattern_name="login")),
    path("cuenta/salir", accounts.logout, name="logout"),
    path("cuenta/clave-olvidada", accounts.forgot_password, name="forgot_password"),
    path("cuenta/clave/<str:token>", accounts.reset_password, name="reset_password"),
    path("cuenta/reclamar", accounts.claim, name="claim"),
    path("mis-boletos", accounts.my_tickets, name="my_tickets"),
    path("boleto/<path:external_id>/pdf", tickets.ticket_pdf, name="ticket_pdf"),
    path("boleto/<path:external_id>/devolver", tickets.refund, name="ticket_refund"),
    path("boleto/<path:external_id>", tickets.ticket_page, name="ticket"),
    path("idioma/", include("django.conf.urls.i18n")),
    path("health", pages.health, name="health"),
]

handler400 = "portal_site.pages.bad_request"
handler404 = "portal_site.pages.not_found"
handler500 = "portal_site.pages.server_error"
