"""All addresses of the front."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from middleware_worker.contract.drf import not_found
from middleware_worker.gateway import api

urlpatterns = [
    path("health", api.HealthView.as_view()),
    path("tickets", api.TicketsView.as_view()),
    path("dead-letters", api.DeadLettersView.as_view()),
    path("dead-letters/<str:id>/replay", api.ReplayView.as_view()),
    path("dead-letters/<str:id>/discard", api.DiscardView.as_view()),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema")),
    # JSON here too while DEBUG is on, when Django would show its own page.
    re_path(r"", not_found),
]
handler400 = "middleware_worker.contract.drf.bad_request"
handler404 = "middleware_worker.contract.drf.not_found"
handler500 = "middleware_worker.contract.drf.server_error"
