"""Whether this replica works, and which one it is."""

from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class PublicView(APIView):
    authentication_classes: list[Any] = []
    throttle_classes: list[Any] = []
    schema = None


class HealthView(PublicView):
    """200 while the database answers, else 503."""

    def get(self, request: Request) -> Response:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()
        except Error as error:
            body = {"status": "unhealthy", "instance": settings.INSTANCE, "error": type(error).__name__}
            return Response(body, status=503, headers={"Retry-After": "2"})
        return Response({"status": "healthy", "instance": settings.INSTANCE, "database": "connected"})


class InstanceView(PublicView):
    """The name of the replica that answers."""

    def get(self, request: Request) -> Response:
        return Response({"instance": settings.INSTANCE, "timestamp": timezone.now().isoformat()})
