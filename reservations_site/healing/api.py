"""The calls by which billing heals and compares. No other program may use them, and billing no others."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from middleware_worker.contract.drf import ServiceAuthentication, callers
from middleware_worker.outbox.other_site import PAGE
from middleware_worker.outbox.reopening import reopen
from reservations_site.healing import fence, selectors


class Page(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=PAGE, default=PAGE)
    since = serializers.DateTimeField(default=None)

    def to_internal_value(self, data: Any) -> Any:
        # An empty `since` is none.
        return super().to_internal_value({key: value for key, value in data.items() if value != ""})


class Generation(serializers.Serializer[Any]):
    generation = serializers.IntegerField(min_value=1)


class Which(serializers.Serializer[Any]):
    since = serializers.DateTimeField(default=None, allow_null=True)
    orders = serializers.ListField(child=serializers.CharField(), default=None, allow_null=True)


class Codes(serializers.Serializer[Any]):
    codes = serializers.ListField(child=serializers.CharField(), max_length=PAGE)


class BillingView(APIView):
    authentication_classes = [ServiceAuthentication]
    permission_classes = [callers("billing")]
    throttle_classes: list[Any] = []
    schema = None

    @staticmethod
    def checked(kind: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
        found = kind(data=data)
        found.is_valid(raise_exception=True)
        return dict(found.validated_data)


class OrdersView(BillingView):
    """Reservations with what billing has told of them."""

    def get(self, request: Request) -> Response:
        found = selectors.orders(**self.checked(Page, request.query_params))
        return Response({"orders": [order.model_dump(mode="json") for order in found]})


class FenceView(BillingView):
    """Words of older generations do nothing any more."""

    def post(self, request: Request) -> Response:
        return Response({"generation": fence.raise_to(self.checked(Generation, request.data)["generation"])})


class ReopenView(BillingView):
    """Receipted messages are carried again: all, those since a moment, or those about some orders."""

    def post(self, request: Request) -> Response:
        which = self.checked(Which, request.data)
        return Response({"reopened": reopen(since=which["since"], aggregates=which["orders"])})


class UnknownView(BillingView):
    """Which of these orders are not here."""

    def post(self, request: Request) -> Response:
        return Response({"unknown": selectors.unknown(self.checked(Codes, request.data)["codes"])})
