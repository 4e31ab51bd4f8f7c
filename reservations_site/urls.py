"""All addresses of the site."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from reservations_site.events import api as events
from reservations_site.health import HealthView, InstanceView
from reservations_site.logins.views import log_in
from reservations_site.reservations import api as reservations
from reservations_site.rest import UnknownAddress
from reservations_site.waiting_room import api as waiting_room

handler400 = "middleware_worker.contract.drf.bad_request"
handler404 = "middleware_worker.contract.drf.not_found"
handler500 = "middleware_worker.contract.drf.server_error"

# The pages of this admin are wide; the way back is in the breadcrumbs.
admin.site.enable_nav_sidebar = False
admin.site.site_url = None
admin.site.index_title = _("Boletería")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health", HealthView.as_view(), name="health"),
    path("admin/login/", log_in),
    path("admin/", admin.site.urls),
    path("api/instance", InstanceView.as_view(), name="instance"),
    path("api/events", events.EventsView.as_view(), name="events"),
    path("api/events/<int:event_id>", events.EventView.as_view(), name="event"),
    path("api/events/<int:event_id>/seats", events.SeatsView.as_view(), name="seats"),
    path("api/events/<int:event_id>/seats/states", events.SeatStatesView.as_view(), name="seat_states"),
    path("api/events/<int:event_id>/room", waiting_room.RoomView.as_view(), name="room"),
    path("api/events/<int:event_id>/room/places", waiting_room.PlaceView.as_view(), name="room_place"),
    path("api/reserve", reservations.ReserveView.as_view(), name="reserve"),
    path("api/reservations", reservations.ReservationsView.as_view(), name="reservations"),
    path("api/reservations/<str:code>", reservations.ReservationView.as_view(), name="reservation"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/internal/", include("middleware_worker.outbox.urls")),
    path("api/internal/healing/", include("reservations_site.healing.urls")),
    re_path(r"^api/(?P<address>.*)$", UnknownAddress.as_view()),
]
