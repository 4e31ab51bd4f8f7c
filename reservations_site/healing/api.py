"""The calls by which billing heals and compares. No other program may use them, and billing no others."""

from functools import partial
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from middleware_worker.contract.drf import ServiceAuthentication, callers
from middleware_worker.outbox.other_site import PAGE
from middleware_worker.outbox.reopening import reopen
from reservations_site.clusters import everywhere as each_cluster
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


# Also on one that is closed while it heals: what is asked here heals it.
everywhere = partial(each_cluster, healing=True)


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
        page = self.checked(Page, request.query_params)
        # Ids rise from one cluster to the next, so a page that one does not fill goes on with the next one's.
        pages = everywhere(lambda: selectors.orders(**page))
        found = [order for part in pages for order in part][: page["limit"]]
        return Response({"orders": [order.model_dump(mode="json") for order in found]})


class FenceView(BillingView):
    """Words of older generations do nothing any more."""

    def post(self, request: Request) -> Response:
        wanted = self.checked(Generation, request.data)["generation"]
        return Response({"generation": max(everywhere(lambda: fence.raise_to(wanted)))})


class ReopenView(BillingView):
    """Receipted messages are carried again: all, those since a moment, or those about some orders."""

    def post(self, request: Request) -> Response:
        which = self.checked(Which, request.data)
        reopened = everywhere(lambda: reopen(since=which["since"], aggregates=which["orders"]))
        return Response({"reopened": sum(reopened)})


class UnknownView(BillingView):
    """Which of these orders are not here."""

    def post(self, request: Request) -> Response:
        codes = self.checked(Codes, request.data)["codes"]
        # Unknown is what none of them knows.
        unknown = set(codes).intersection(*everywhere(lambda: selectors.unknown(codes)))
        return Response({"unknown": [code for code in codes if code in unknown]})
