"""The calls by which the middleware stores and looks after dead letters of outside sellers."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from billing_site.dead_letters import services
from billing_site.dead_letters.models import DeadLetter
from middleware_worker.contract.drf import ApiError
from middleware_worker.outbox.api import WorkerView, fields

MAX_LISTED = 200


class BytesField(serializers.Field[bytes, str, str, Any]):
    """Bytes, in base64."""

    def to_internal_value(self, data: Any) -> bytes:
        try:
            return base64.b64decode(data, validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise serializers.ValidationError("not base64") from None

    def to_representation(self, value: bytes) -> str:
        return base64.b64encode(value).decode()


class LetterRequest(serializers.Serializer[None]):
    queue = serializers.CharField(max_length=200)
    code = serializers.CharField(max_length=200)
    reason = serializers.CharField(allow_blank=True, max_length=5000)
    body_base64 = BytesField()
    delivery_id = serializers.CharField(max_length=500)
    size = serializers.IntegerField(required=False, min_value=0, max_value=4_000_000_000)


class DeadLettersView(WorkerView):
    def post(self, request: Request) -> Response:
        """Stores dead letters; each once, however often it is carried."""
        asked = LetterRequest(data=fields(request).get("dead_letters"), many=True)
        asked.is_valid(raise_exception=True)
        stored = [services.store(body=letter.pop("body_base64"), **letter) for letter in asked.validated_data]
        return Response({"stored": len(stored), "ids": [row.pk for row in stored]})

    def get(self, request: Request) -> Response:
        """The newest 200 with a status, `open` unless it is named."""
        status = request.query_params.get("status", DeadLetter.Status.OPEN)
        if status not in DeadLetter.Status.values:
            raise ApiError(400, "invalid", _("Datos inválidos"))
        rows = services.listed(status=status)
        return Response({"count": rows.count(), "dead_letters": [_shown(row) for row in rows[:MAX_LISTED]]})


class ReplayView(WorkerView):
    def post(self, request: Request, id: int) -> Response:
        """Tries it again: `replayed`, or still `open` with the new reason."""
        return Response(_done(services.replay, request, id))


class DiscardView(WorkerView):
    def post(self, request: Request, id: int) -> Response:
        """Puts it aside for good."""
        return Response(_done(services.discard, request, id))


def _done(action: Callable[..., bool], request: Request, id: int) -> dict[str, Any]:
    letter = DeadLetter.objects.filter(pk=id).first()
    if letter is None:
        raise NotFound
    if letter.status != DeadLetter.Status.OPEN:
        raise ApiError(409, "not_open", _("Ya fue reenviado o descartado"))
    by = fields(request).get("by")
    action(dead_letter=letter, by=by if isinstance(by, str) and by else str(request.user))
    letter.refresh_from_db()
    return {**_shown(letter), "result": letter.status}


def _shown(row: DeadLetter) -> dict[str, Any]:
    body = bytes(row.body)
    return {
        "id": row.pk,
        "queue": row.queue,
        "code": row.code,
        "reason": row.reason,
        "body": body.decode("utf-8", "backslashreplace"),
        "body_base64": base64.b64encode(body).decode(),
        "size": row.size,
        "received_at": row.received_at,
        "status": row.status,
        "changed_at": row.changed_at,
        "changed_by": row.changed_by,
    }
