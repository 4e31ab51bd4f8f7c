"""What every view of the API shares: JSON in, JSON out, and never a 500 for a bad request."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import IO, Any

from django.db import DatabaseError
from django.http import JsonResponse
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from middleware_worker.contract import drf
from middleware_worker.contract.drf import ApiError
from middleware_worker.outbox.transactions import is_passing

LARGEST_BODY = 64 * 1024


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | JsonResponse | None:
    """The contract's handler; a database that is being promoted or shut down is a 503 too, not a 500.

    A bug is logged with its trace and answered as JSON, with DEBUG or without.
    """
    if isinstance(error, DatabaseError) and is_passing(error):
        drf.log.error("database asks to come again: %s", error)
        return drf.unavailable()
    found = drf.exception_handler(error, context)
    if found is None:
        drf.log.error("a call failed", exc_info=error)
        return drf.server_error(context["request"]._request)
    return found


class SmallJSON(JSONParser):
    """JSON of a request from outside: refuses what is too large before it is read, and too deep to be read."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {}).get("request")
        length = str(request.META.get("CONTENT_LENGTH") or 0) if request is not None else "0"
        if not length.isdigit() or int(length) > LARGEST_BODY:
            raise ApiError(HTTPStatus.BAD_REQUEST, "too_large", _("El contenido es demasiado grande"))
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError from error


class ServiceCredential(OpenApiAuthenticationExtension):
    """How the schema describes the credential of programs of ours; nobody else needs one here."""

    target_class = "middleware_worker.contract.drf.ServiceAuthentication"
    name = "service"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Service <JWT>"}


class ApiView(APIView):
    """A view for programs outside and for the portal."""

    parser_classes = [SmallJSON]

    def handle_exception(self, exc: Exception) -> Response:
        # A body that claims to be something else than JSON is answered as one that is not JSON.
        if getattr(exc, "status_code", None) == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            exc = ParseError()
        return super().handle_exception(exc)


@extend_schema_field(OpenApiTypes.INT)
class WholeNumber(serializers.Field[int, Any, int, Any]):
    """A JSON integer of at least 1: no string, no fraction, no boolean."""

    default_error_messages = {"invalid": "Debe ser un número entero positivo"}

    def __init__(self, *, most: int | None = None, **kwargs: Any) -> None:
        self.most = most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int) or data < 1 or (self.most and data > self.most):
            self.fail("invalid")
        return data

    def to_representation(self, value: int) -> int:
        return value


class Refusal(serializers.Serializer[Any]):
    """The shape of every error; some carry further fields."""

    error = serializers.CharField(help_text="A sentence in Spanish for people.")
    code = serializers.CharField(help_text="A word for programs.")


@extend_schema(exclude=True)
class UnknownAddress(ApiView):
    """JSON also for addresses that do not exist, with DEBUG or without."""

    def get(self, request: Request, **path: str) -> Response:
        raise NotFound

    post = put = patch = delete = get
