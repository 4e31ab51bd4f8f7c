"""Whether this instance can sell, and which instance it is. No login, no middleware that needs a database."""

import logging
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from middleware_worker.contract.drf import RETRY_AFTER_SECONDS
from reservations_site import clusters
from reservations_site.rest import ApiView

log = logging.getLogger(__name__)


class Healthy(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="healthy")
    instance = serializers.CharField()  # type: ignore[assignment]
    database = serializers.CharField(help_text="connected")


class Unhealthy(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="unhealthy")
    instance = serializers.CharField()  # type: ignore[assignment]
    error = serializers.CharField()


class Instance(serializers.Serializer[Any]):
    instance = serializers.CharField()  # type: ignore[assignment]
    timestamp = serializers.DateTimeField()


def database_trouble() -> str:
    """Why the database cannot sell just now; empty when it can. A demoted primary answers, but cannot write."""
    question = "SELECT pg_is_in_recovery()" if connection.vendor == "postgresql" else "SELECT 0"
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            (read_only,) = cursor.fetchone()
    except (DatabaseError, InterfaceError) as error:
        log.warning("health: %s", error)
        return "La base de datos no responde"
    return "La base de datos es de solo lectura" if read_only else ""


class HealthView(ApiView):
    """For load balancers: 200 when seats can be sold here."""

    @extend_schema(responses={200: Healthy, 503: OpenApiResponse(Unhealthy, "The database cannot be written to.")})
    def get(self, request: Request) -> Response:
        troubles = clusters.reached(database_trouble)[0]
        if error := next(iter(troubles), "La base de datos no responde") if all(troubles) else "":
            body = {"status": "unhealthy", "instance": settings.INSTANCE, "error": error}
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return Response(body, status=HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
        return Response({"status": "healthy", "instance": settings.INSTANCE, "database": "connected"})


class InstanceView(ApiView):
    """Which replica answers."""

    @extend_schema(responses=Instance)
    def get(self, request: Request) -> Response:
        return Response({"instance": settings.INSTANCE, "timestamp": timezone.now().isoformat()})
