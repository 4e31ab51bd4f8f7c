from django.urls import path

from reservations_site.healing import api

urlpatterns = [
    path("orders", api.OrdersView.as_view()),
    path("fence", api.FenceView.as_view()),
    path("reopen", api.ReopenView.as_view()),
    path("unknown", api.UnknownView.as_view()),
]
