"""The front for outside sellers and for those who look after what could not be used."""

import functools
import logging
import os
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, OpenApiTypes, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from middleware_worker import broker, environment, new_tickets
from middleware_worker.clients import NotThere, Unreachable
from middleware_worker.contract.drf import RETRY_AFTER_SECONDS, ApiError, ServiceCaller, error_body
from middleware_worker.contract.messages import NewTicket
from middleware_worker.contract.patience import Patience
from middleware_worker.gateway import health, letters
from middleware_worker.gateway import schema as _schema  # noqa: F401 (registers the credential)
from middleware_worker.publishing import Publisher

log = logging.getLogger(__name__)

JSON = OpenApiTypes.OBJECT
TICKET = {
    "application/json": {
        "type": "object",
        "required": ["id", "rut", "price", "event"],
        "properties": {
            "id": {"type": "string", "maxLength": 128},
            "rut": {"type": "integer"},
            "price": {"type": "number"},
            "event": {"type": "string", "maxLength": 200},
        },
    }
}


class Known(BasePermission):
    """Any program whose credential this front accepts."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, ServiceCaller)


class Operator(BasePermission):
    """One of settings.OPERATORS: a seller may send tickets, not read what others sent wrong."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        named: list[str] = settings.OPERATORS  # type: ignore[misc]
        return isinstance(request.user, ServiceCaller) and request.user.name in named


class RawParser(BaseParser):
    """The body as bytes, whatever its type says: read as the queue's bodies are."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, bytes]:
        return {"body": stream.read(new_tickets.MAX_BYTES + 1)}


class HealthView(APIView):
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    @extend_schema(responses={200: JSON, 503: JSON})
    def get(self, request: Request) -> Response:
        """Worker, broker and queue depths; 503 when tickets cannot be carried."""
        found = health.look()
        body = {
            "status": "healthy" if found.carries else "unhealthy",
            "instance": settings.INSTANCE,
            "broker": "connected" if found.broker else "unreachable",
            "worker": "alive" if found.worker else "silent",
            "queues": found.queues,
        }
        if found.error:
            body["error"] = found.error
        return Response(body, status=200 if found.carries else 503)


@functools.cache
def _patience() -> Patience:
    return Patience(settings.BROKER_WAITERS)  # type: ignore[misc]


def is_taken(ticket: NewTicket) -> bool:
    """Whether the broker has confirmed the ticket; a change of its leader is waited for, up to a bound.

    The ticket may be on the queue twice afterwards: billing knows it again by its id.
    """

    def carry() -> None:
        publisher().carry(source="outside", messages=[new_tickets.as_message(ticket)], queue=broker.OUTSIDE)

    try:
        _patience().call(carry, seconds=settings.BROKER_WAIT_SECONDS, errors=(Exception,))  # type: ignore[misc]
    except Exception as error:
        log.error("ticket %s is not taken: %r", ticket.id, error)
        return False
    return True


class TicketsView(APIView):
    permission_classes = [Known]
    parser_classes = [RawParser]

    @extend_schema(request=TICKET, responses={202: JSON, 400: JSON, 503: OpenApiResponse(JSON, "Retry-After")})
    def post(self, request: Request) -> Response:
        """Takes a `new_ticket`: 202 when the broker has confirmed it. Safe to repeat with the same id."""
        # An empty body never reaches the parser.
        data = request.data
        body = data.get("body", b"") if isinstance(data, dict) else b""
        try:
            ticket = new_tickets.parse(body)
        except new_tickets.Unusable as unusable:
            error = (
                _("Datos inválidos en «%(field)s»") % {"field": unusable.field}
                if unusable.field
                else (_("Datos inválidos"))
            )
            raise ApiError(400, unusable.code, error, field=unusable.field, detail=unusable.reason) from unusable
        if not is_taken(ticket):
            return _try_later(_("El boleto no fue recibido, intente de nuevo"))
        return Response({"id": ticket.id, "status": "accepted"}, status=202)


class DeadLettersView(APIView):
    permission_classes = [Operator]

    @extend_schema(responses={200: JSON})
    def get(self, request: Request) -> Response:
        """What could not be used, oldest first; `unreachable` names sources that did not answer."""
        found, unreachable = letters.list_all()
        return Response({"dead_letters": found, "unreachable": unreachable})


class ChangeView(APIView):
    permission_classes = [Operator]
    verb = ""

    @extend_schema(request=None, responses={200: JSON, 404: JSON, 409: JSON, 503: JSON})
    def post(self, request: Request, id: str) -> Response:
        try:
            status, body = letters.change(id=id, verb=self.verb, by=str(request.user))
        except NotThere as error:
            raise ApiError(404, "not_found", _("No encontrado")) from error
        except Unreachable as error:
            log.warning("dead letter %s: %s", id, error)
            return _try_later(_("Servicio no disponible por el momento, intente de nuevo"))
        return Response(body, status=status)


class ReplayView(ChangeView):
    """Has a dead letter tried again by its owner."""

    verb = "replay"


class DiscardView(ChangeView):
    """Puts a dead letter aside for good."""

    verb = "discard"


def _try_later(sentence: str) -> Response:
    return Response(error_body("unavailable", sentence), status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def publisher() -> Publisher:
    """This process's own pool of connections."""
    return _publisher(os.getpid())


@functools.cache
def _publisher(pid: int) -> Publisher:
    found = environment.read()
    return Publisher(found.broker_url, found.broker_folder)
