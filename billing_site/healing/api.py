"""The call by which a restored reservations adopts what billing knows. No other program may use it."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing_site.healing import selectors
from middleware_worker.contract.drf import ServiceAuthentication, callers
from middleware_worker.outbox.other_site import PAGE


class Page(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=PAGE, default=PAGE)
    since = serializers.DateTimeField(default=None)

    def to_internal_value(self, data: Any) -> Any:
        # An empty `since` is none.
        return super().to_internal_value({key: value for key, value in data.items() if value != ""})


class OrdersView(APIView):
    """Orders of reservations, oldest first."""

    authentication_classes = [ServiceAuthentication]
    permission_classes = [callers("reservations")]
    throttle_classes: list[Any] = []
    schema = None

    def get(self, request: Request) -> Response:
        asked = Page(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = selectors.orders(**asked.validated_data)
        return Response({"orders": [order.model_dump(mode="json") for order in found]})
