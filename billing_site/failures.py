"""What goes wrong outside of a view's control: a lost database, a body too large, a fault of ours."""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from billing_site.router import from_replica
from middleware_worker.contract.drf import error_body, server_error, unavailable

log = logging.getLogger(__name__)


class FailuresMiddleware:
    """Pages as well as the API say 503 while the database is away; the API speaks JSON in every case."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, OperationalError | InterfaceError):
            log.error("database cannot be reached: %s", error)
            return unavailable()
        if isinstance(error, RequestDataTooBig):
            return JsonResponse(error_body("too_large", _("El contenido es demasiado grande")), status=413)
        if request.path.startswith("/api/"):
            log.error("unexpected error in %s %s", request.method, request.path, exc_info=error)
            return server_error(request)
        return None


class ReadsFallBack(APIView):
    """A view whose GET is answered by the replica while the primary is down; a write gets 503."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        lost = response.status_code == 503 and request.method in {"GET", "HEAD"}
        if not lost or "replica" not in settings.DATABASES:
            return response
        with from_replica():
            found = super().dispatch(request, *args, **kwargs)
        found.headers["X-Read-From"] = "replica"
        return found


class NoSuchCall(APIView):
    """404 in JSON for everything below /api/ that is not there; with DEBUG too."""

    authentication_classes: list[Any] = []
    schema = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.method = "GET"
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: Request, rest: str) -> HttpResponse:
        raise NotFound
