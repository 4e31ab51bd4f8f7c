from django.urls import path

from middleware_worker.outbox import api

urlpatterns = [
    path("messages", api.MessagesView.as_view()),
    path("receipts", api.ReceiptsView.as_view()),
    path("outbox", api.RejectedView.as_view()),
    path("outbox/<uuid:id>/replay", api.ReplayView.as_view()),
    path("outbox/<uuid:id>/discard", api.DiscardView.as_view()),
]
