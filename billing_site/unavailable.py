"""503 instead of 500 when the database cannot be reached, for pages as for the API."""

from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.views import APIView

from billing_site.router import from_replica
from middleware_worker.contract.drf import unavailable


class UnavailableMiddleware:
    """Pages of the admin too say that the service is away for the moment."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        except (OperationalError, InterfaceError):
            # Raised by another middleware: the session of a signed-in person is in the database.
            return unavailable()

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return unavailable() if isinstance(error, OperationalError | InterfaceError) else None


class ReadsFallBack(APIView):
    """A view whose GET is answered by the replica while the primary is down; a write gets 503."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        lost = response.status_code == 503 and request.method in {"GET", "HEAD"}
        if not lost or "replica" not in settings.DATABASES:
            return response
        with from_replica():
            found = super().dispatch(request, *args, **kwargs)
        found["X-Read-From"] = "replica"
        return found
