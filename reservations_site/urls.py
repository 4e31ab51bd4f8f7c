"""All addresses of the site."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from reservations_site.events import api as events
from reservations_site.health import HealthView, InstanceView
from reservations_site.reservations import api as reservations
from reservations_site.rest import UnknownAddress

handler400 = "middleware_worker.contract.drf.bad_request"
handler404 = "middleware_worker.contract.drf.not_found"
handler500 = "middleware_worker.contract.drf.server_error"

# The pages of this admin are wide; the way back is in the breadcrumbs.
admin.site.enable_nav_sidebar = False
admin.site.site_url = None

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health", HealthView.as_view(), name="health"),
    path("admin/", admin.site.urls),
    path("api/instance", InstanceView.as_view(), name="instance"),
    path("api/events", events.EventsView.as_view(), name="events"),
    path("api/events/<int:event_id>", events.EventView.as_view(), name="event"),
    path("api/events/<int:event_id>/seats", events.SeatsView.as_view(), name="seats"),
    path("api/reserve", reservations.ReserveView.as_view(), name="reserve"),
    path("api/reservations", reservations.ReservationsView.as_view(), name="reservations"),
    path("api/reservations/<str:code>", reservations.ReservationView.as_view(), name="reservation"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/internal/", include("middleware_worker.outbox.urls")),
    path("api/internal/healing/", include("reservations_site.healing.urls")),
    re_path(r"^api/(?P<address>.*)$", UnknownAddress.as_view()),
]
