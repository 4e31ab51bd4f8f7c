"""What goes wrong outside of a view's control: a lost database, a body too large, a fault of ours."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from billing_site.router import from_replica
from middleware_worker.contract.drf import error_body, server_error, unavailable
from middleware_worker.contract.patience import Patience
from middleware_worker.outbox.transactions import deadline

log = logging.getLogger(__name__)

READING = {"GET", "HEAD", "OPTIONS"}


class FailuresMiddleware:
    """Pages as well as the API say 503 while the database is away; the API speaks JSON in every case."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._patience = Patience(settings.DATABASE_WAITERS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # A transaction whose COMMIT no replica acknowledges is not begun again and again while a caller waits.
        until = time.monotonic() + settings.DATABASE_PATIENCE_SECONDS
        # Whoever only looks is answered by the replica, and the worker comes again by itself: those do not wait.
        if request.method in READING or request.path.startswith("/api/internal/"):
            with deadline(until):
                return self.get_response(request)
        with deadline(until, wait=self._wait_for_database) as bounds:
            self._wait_for_database()
            if not _is_read_again(request):
                return self.get_response(request)
            response = self.get_response(request)
            if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and not bounds.begun:
                # Lost while it looked who asks for what: nothing has happened yet.
                self._wait_for_database()
                response = self.get_response(request)
            return response

    def _wait_for_database(self) -> None:
        """Whoever pays or refunds while the database restarts waits some seconds.

        Costs nothing otherwise: a kept connection is checked at its first use in any case.
        """
        with suppress(OperationalError, InterfaceError):  # the view says it in its own way
            self._patience.call(
                lambda: connection.cursor().close(),
                seconds=settings.DATABASE_WAIT_SECONDS,
                errors=(OperationalError, InterfaceError),
            )

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


def _is_read_again(request: HttpRequest) -> bool:
    """Whether a view can be called twice: its body is small enough to be kept."""
    try:
        small = int(request.META.get("CONTENT_LENGTH") or 0) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return small and request.path.startswith("/api/") and request.body is not None
    except (ValueError, UnreadablePostError):
        return False


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
