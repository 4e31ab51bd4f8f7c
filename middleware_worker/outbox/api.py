"""The calls by which the worker carries: deliver messages, bring receipts, look after rejected rows."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from pydantic import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from middleware_worker.contract import messages
from middleware_worker.contract.drf import ApiError, ServiceAuthentication, callers
from middleware_worker.outbox import services
from middleware_worker.outbox.models import OutboxMessage

MAX_BATCH = 500
T = TypeVar("T")


def fields(request: Request) -> dict[str, Any]:
    """The JSON object of a request; 400 when it is something else."""
    if not isinstance(request.data, dict):
        raise ApiError(400, "invalid", _("Datos inválidos"))
    return request.data


def everywhere(call: Callable[[], T]) -> list[T]:
    """What the call finds on each of the site's databases that have an outbox: one, or settings.OUTBOX_EVERYWHERE."""
    if path := getattr(settings, "OUTBOX_EVERYWHERE", ""):
        found: list[T] = import_string(path)(call)
        return found
    return [call()]


class WorkerView(APIView):
    authentication_classes = [ServiceAuthentication]
    permission_classes = [callers("worker")]
    throttle_classes: list[Any] = []
    schema = None


class MessagesView(WorkerView):
    """Delivers messages; each is answered for itself."""

    def post(self, request: Request) -> Response:
        items = fields(request).get("messages")
        if not isinstance(items, list) or len(items) > MAX_BATCH or not all(isinstance(i, dict) for i in items):
            raise ApiError(400, "invalid", _("Datos inválidos"))
        found = import_string(settings.OUTBOX_RECEIVE)(items)
        return Response({"answers": [answer.model_dump(mode="json") for answer in found]})


class ReceiptsView(WorkerView):
    """Settles rows of this site's outbox by the other side's answers."""

    def post(self, request: Request) -> Response:
        try:
            receipts = messages.answers.validate_python(fields(request).get("receipts"))
        except ValidationError as error:
            raise ApiError(400, "invalid", _("Datos inválidos")) from error
        return Response({"settled": sum(everywhere(lambda: services.settle(receipts)))})


class RejectedView(WorkerView):
    """Rows that the other side refused: the dead letters of this outbox."""

    def get(self, request: Request) -> Response:
        rejected = OutboxMessage.objects.filter(state=OutboxMessage.State.REJECTED).order_by("created_at")[:200]
        found = [
            {"id": str(row.id), "type": row.type, "about": row.aggregate, "reason": row.last_error,
             "received_at": row.created_at.isoformat(), "body": row.message()}
            for rows in everywhere(lambda: list(rejected.all()))
            for row in rows
        ]  # fmt: skip
        return Response({"dead_letters": found})


class ReplayView(WorkerView):
    def post(self, request: Request, id: str) -> Response:
        by = str(fields(request).get("by", request.user))
        if not any(everywhere(lambda: services.replay(id=id, by=by))):
            raise ApiError(404, "not_found", _("No encontrado"))
        return Response({"id": str(id), "result": "replayed"})


class DiscardView(WorkerView):
    def post(self, request: Request, id: str) -> Response:
        by = str(fields(request).get("by", request.user))
        if not any(everywhere(lambda: services.discard(id=id, by=by))):
            raise ApiError(404, "not_found", _("No encontrado"))
        return Response({"id": str(id), "result": "discarded"})
