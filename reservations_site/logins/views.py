"""The admin's log-in page."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from reservations_site.logins.devices import remember
from reservations_site.logins.forms import StaffLoginForm

admin.site.login_form = StaffLoginForm


def log_in(request: HttpRequest) -> HttpResponse:
    """Django's page; after a success the browser is known."""
    response = admin.site.login(request)
    if request.method == "POST" and response.status_code == 302 and request.user.is_authenticated:
        remember(response, request.user.get_username())
    return response
