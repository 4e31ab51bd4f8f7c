"""The HTTP side of the contract for Django REST framework: errors as JSON, and who is calling."""

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse
from django.http.response import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from middleware_worker.contract import credentials

if TYPE_CHECKING:
    # Django REST framework imports this module while it loads its own views.
    from rest_framework.views import APIView

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2


class ServiceCaller:
    """request.user of a call that another program signed."""

    is_authenticated = True
    is_active = True
    is_staff = False
    pk = None

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return f"service:{self.name}"


def service_caller(request: Request, *, header: str = "Authorization") -> str | None:
    """The caller's name from a service credential, None when there is none.

    Raises AuthenticationFailed (401) when there is one and it is not good.
    """
    raw = request.META.get(f"HTTP_{header.upper().replace('-', '_')}", "")
    scheme, _sep, token = raw.partition(" ")
    if scheme != credentials.SCHEME:
        return None
    try:
        return credentials.verify(token, audience=settings.SERVICE_NAME, keys=settings.SERVICE_KEYS)
    except credentials.InvalidCredential as error:
        log.warning("service credential refused: %s", error)
        raise exceptions.AuthenticationFailed(_("Credencial de servicio inválida")) from error


class ServiceAuthentication(BaseAuthentication):
    """`Authorization: Service <jwt>` → request.user is a ServiceCaller."""

    def authenticate(self, request: Request) -> tuple[ServiceCaller, None] | None:
        if not get_authorization_header(request).startswith(credentials.SCHEME.encode() + b" "):
            return None
        name = service_caller(request)
        return (ServiceCaller(name), None) if name else None

    def authenticate_header(self, request: Request) -> str:
        return credentials.SCHEME


def callers(*names: str) -> type[BasePermission]:
    """A permission: only these programs may call."""

    class FromCallers(BasePermission):
        def has_permission(self, request: Request, view: "APIView") -> bool:
            return isinstance(request.user, ServiceCaller) and request.user.name in names

    return FromCallers


class ApiError(exceptions.APIException):
    """An error with its status, machine word, Spanish sentence and further fields."""

    def __init__(self, status: int, code: str, error: str, **fields: Any) -> None:
        super().__init__(detail=error, code=code)
        self.status_code, self.code, self.error, self.fields = status, code, error, fields

    def body(self) -> dict[str, Any]:
        return error_body(self.code, str(self.error), **self.fields)

    def headers(self) -> dict[str, str]:
        wait = self.fields.get("retry_after")
        return {"Retry-After": str(wait)} if wait else {}


def error_body(code: str, error: str, **fields: Any) -> dict[str, Any]:
    return {"error": error, "code": code, **fields}


def unavailable() -> JsonResponse:
    """503 for a database or program that cannot be reached just now."""
    response = JsonResponse(
        error_body("unavailable", _("Servicio no disponible por el momento, intente de nuevo")),
        status=HTTPStatus.SERVICE_UNAVAILABLE,
    )
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


SENTENCES = {
    400: ("invalid", "Datos inválidos"),
    401: ("not_authenticated", "Se requiere autenticación"),
    403: ("forbidden", "No tiene permiso para esta acción"),
    404: ("not_found", "No encontrado"),
    405: ("method_not_allowed", "Método no permitido"),
    406: ("not_acceptable", "Formato de respuesta no disponible"),
    413: ("too_large", "El contenido es demasiado grande"),
    415: ("unsupported_media_type", "El contenido debe ser JSON"),
    429: ("throttled", "Demasiadas solicitudes, espere un momento"),
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | JsonResponse | None:
    """DRF's EXCEPTION_HANDLER: every error in the contract's shape; lost databases as 503."""
    if isinstance(error, ApiError):
        return Response(error.body(), status=error.status_code, headers=error.headers())
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database cannot be reached: %s", error)
        return unavailable()
    if isinstance(error, DatabaseError):
        log.error("database error", exc_info=error)
        return Response(error_body("internal", _("Error interno")), status=500)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if not isinstance(error, exceptions.APIException):
        return None
    code, sentence = SENTENCES.get(error.status_code, ("error", str(error.detail)))
    fields: dict[str, Any] = {}
    if isinstance(error, exceptions.ValidationError):
        fields["fields"] = error.detail
    response = Response(error_body(code, _(sentence), **fields), status=error.status_code)
    if getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    wait = getattr(error, "wait", None)
    if wait is not None:
        response["Retry-After"] = str(max(1, int(wait + 0.999)))
    return response


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """handler404 of a site that speaks JSON."""
    return JsonResponse(error_body("not_found", _("No encontrado")), status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    """handler500 of a site that speaks JSON."""
    return JsonResponse(error_body("internal", _("Error interno")), status=500)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """handler400 of a site that speaks JSON."""
    return JsonResponse(error_body("invalid", _("Datos inválidos")), status=400)
