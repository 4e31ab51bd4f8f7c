"""Pages that say what went wrong in a friendly way, and /health."""

import logging
import sys
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from portal_site.accounts import session
from portal_site.clients.calls import Refused, SignedOut, Unavailable

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponse]


class FriendlyFailures:
    """Turns a site that is down, a refusal nobody handled and a lost database into a page."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, SignedOut):
            session.log_out(request)
            return redirect(session.login_address(request))
        if isinstance(error, Unavailable):
            return unavailable(request)
        if isinstance(error, Refused):
            return refused(request, error)
        if isinstance(error, OperationalError | InterfaceError):
            log.error("the portal's database cannot be reached: %s", error)
            return unavailable(request)
        return None


def message_page(request: HttpRequest, *, status: int, title: str, text: str, retry: bool = False) -> HttpResponse:
    """A page with one message and the way on."""
    context = {"title": title, "text": text, "status": status, "retry": retry and request.method == "GET"}
    response = render(request, "portal/message.html", context, status=status)
    if status in (429, 503):
        response["Retry-After"] = "5"
    response["Cache-Control"] = "no-store"
    return response


def unavailable(request: HttpRequest) -> HttpResponse:
    return message_page(
        request,
        status=503,
        title=_("Estamos con problemas por un momento"),
        text=_("No pudimos completar lo que pediste. Lo que ya compraste está a salvo. Inténtalo de nuevo en un rato."),
        retry=True,
    )


def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    if error.status == 429:
        return too_many(request)
    title = _("No se pudo hacer")
    return message_page(request, status=404 if error.status == 404 else 409, title=title, text=error.error)


def too_many(request: HttpRequest) -> HttpResponse:
    return message_page(
        request,
        status=429,
        title=_("Espera un momento"),
        text=_("Recibimos demasiados intentos desde tu conexión. Espera un minuto y vuelve a probar."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return message_page(
        request,
        status=404,
        title=_("No encontramos esta página"),
        text=_("Puede que la dirección esté incompleta o que el evento ya no esté publicado."),
    )


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return message_page(
        request, status=400, title=_("No entendimos la solicitud"), text=_("Vuelve atrás e inténtalo de nuevo.")
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Also for a database that is lost outside of a view, as when a session is saved."""
    if isinstance(sys.exc_info()[1], DatabaseError | InterfaceError):
        return unavailable(request)
    return message_page(
        request,
        status=500,
        title=_("Algo falló de nuestro lado"),
        text=_("Ya quedó registrado. Lo que compraste está a salvo. Inténtalo de nuevo en un momento."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return message_page(
        request,
        status=403,
        title=_("La página estuvo abierta demasiado tiempo"),
        text=_("Por seguridad no enviamos el formulario. Vuelve atrás, recarga la página e inténtalo de nuevo."),
    )


def health(request: HttpRequest) -> JsonResponse:
    """Whether this portal works; the other sites have their own."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        log.error("health: %s", error)
        body = {"status": "unhealthy", "instance": settings.INSTANCE, "error": "database cannot be reached"}
        return JsonResponse(body, status=503)
    return JsonResponse({"status": "healthy", "instance": settings.INSTANCE, "database": "connected"})
