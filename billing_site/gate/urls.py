"""The gate's pages; its API stands with the others."""

from django.urls import path

from billing_site.gate import views

app_name = "gate"
urlpatterns = [
    path("", views.gate_page, name="gate"),
    path("sw.js", views.service_worker, name="service_worker"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("dobles/", views.doubles_page, name="doubles"),
]
