"""All addresses of the portal."""

from django.urls import include, path
from django.views.generic import RedirectView, TemplateView

from portal_site import pages
from portal_site.accounts import profile
from portal_site.accounts import views as accounts
from portal_site.catalogue import embed
from portal_site.catalogue import views as catalogue
from portal_site.checkout import tickets, webpay
from portal_site.checkout import views as checkout
from portal_site.waiting_room import views as waiting_room

urlpatterns = [
    path("", catalogue.event_list, name="events"),
    path("evento/<int:event_id>", catalogue.event_page, name="event"),
    path("evento/<int:event_id>/plano.json", catalogue.seat_plan, name="seat_plan"),
    path("evento/<int:event_id>/asientos.json", catalogue.seat_states, name="seat_states"),
    path("evento/<int:event_id>/sala", waiting_room.room_page, name="room"),
    path("evento/<int:event_id>/sala.json", waiting_room.room_state, name="room_state"),
    path("embed/<int:event_id>/", embed.embedded_event, name="embed"),
    path("orden", checkout.find, name="find_order"),
    # An outside ticket's id may hold a slash, so the longer addresses come first.
    path("orden/<path:code>/estado.json", checkout.order_state, name="order_state"),
    path("orden/<path:code>/pagar", checkout.pay, name="pay"),
    path("orden/<path:code>/webpay", checkout.to_webpay, name="to_webpay"),
    path("pago/webpay/return", webpay.came_back, name="webpay_return"),
    path("orden/<path:code>/cancelar", checkout.cancel, name="cancel"),
    path("orden/<path:code>/boleto/<path:external_id>/pdf", tickets.ticket_pdf, name="order_ticket_pdf"),
    path(
        "orden/<path:code>/boleto/<path:external_id>/calendario.ics",
        tickets.ticket_calendar,
        name="order_ticket_calendar",
    ),
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
    path("cuenta", profile.account, name="account"),
    path("cuenta/correo/<str:token>", profile.confirm_email, name="confirm_email"),
    path("cuenta/reclamar", accounts.claim, name="claim"),
    path("mis-boletos", accounts.my_tickets, name="my_tickets"),
    path("boleto/<path:external_id>/pdf", tickets.ticket_pdf, name="ticket_pdf"),
    path("boleto/<path:external_id>/calendario.ics", tickets.ticket_calendar, name="ticket_calendar"),
    path("boleto/<path:external_id>/devolver", tickets.refund, name="ticket_refund"),
    path("boleto/<path:external_id>", tickets.ticket_page, name="ticket"),
    path("idioma/", include("django.conf.urls.i18n")),
    # At the root, because it may answer for pages below its own address only.
    path(
        "sin-conexion.js",
        TemplateView.as_view(template_name="portal/offline.js", content_type="text/javascript"),
        name="offline",
    ),
    path("health", pages.health, name="health"),
]

handler400 = "portal_site.pages.bad_request"
handler404 = "portal_site.pages.not_found"
handler500 = "portal_site.pages.server_error"
