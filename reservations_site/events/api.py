"""The catalogue and the seat maps, for everybody."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from middleware_worker.contract.drf import ApiError
from reservations_site.events import selectors
from reservations_site.events.models import Event
from reservations_site.rest import ApiView, Refusal


class EventRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    venue = serializers.CharField()
    date = serializers.CharField(help_text="Local time of the venue, 2025-12-15 20:00.")
    total_seats = serializers.IntegerField()
    available_seats = serializers.IntegerField()
    description = serializers.CharField()
    status = serializers.ChoiceField(["published", "cancelled"])
    starts_at = serializers.DateTimeField()
    sales_open_at = serializers.DateTimeField()
    sales_close_at = serializers.DateTimeField()
    price_from = serializers.IntegerField(allow_null=True, help_text="The cheapest section, whole Chilean pesos.")


class EventList(serializers.Serializer[Any]):
    events = EventRow(many=True)
    instance = serializers.CharField()  # type: ignore[assignment]


class PriceSection(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    price = serializers.IntegerField()
    rank = serializers.IntegerField()


class PriceSectionWithSeats(PriceSection):
    available = serializers.IntegerField()


class EventDetail(EventRow):
    sections = PriceSectionWithSeats(many=True)
    instance = serializers.CharField()  # type: ignore[assignment]


class SeatRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    event_id = serializers.IntegerField()
    seat_number = serializers.CharField()
    status = serializers.ChoiceField(["available", "reserved", "sold"])
    section = serializers.IntegerField(help_text="The id of its price section.")
    row = serializers.CharField()
    number = serializers.IntegerField()
    x = serializers.FloatField(help_text="Where it stands on the picture, in seat widths.")
    y = serializers.FloatField()
    price = serializers.IntegerField()


class SeatMap(serializers.Serializer[Any]):
    seats = SeatRow(many=True)
    sections = PriceSection(many=True)
    event = EventRow()
    instance = serializers.CharField()  # type: ignore[assignment]


def shown_event(id: int) -> Event:
    """The event; 404 for a draft or an unknown one."""
    event = selectors.shown_event(id)
    if event is None:
        raise ApiError(404, "unknown_event", _("Evento no encontrado"))
    return event


class EventsView(ApiView):
    """The events on sale or coming up."""

    @extend_schema(operation_id="events_list", responses=EventList)
    def get(self, request: Request) -> Response:
        return Response({"events": selectors.listed_events(), "instance": settings.INSTANCE})


class EventView(ApiView):
    """One event with its price sections."""

    @extend_schema(responses={200: EventDetail, 404: Refusal})
    def get(self, request: Request, event_id: int) -> Response:
        event = shown_event(event_id)
        (row,) = selectors.described([event])
        sections = selectors.sections_with_free_seats(event.id)
        return Response(row | {"sections": sections, "instance": settings.INSTANCE})


class SeatsView(ApiView):
    """The seat map. Send its ETag back in If-None-Match and get 304 while nothing has changed."""

    @extend_schema(responses={200: SeatMap, 304: OpenApiResponse(description="Nothing has changed."), 404: Refusal})
    def get(self, request: Request, event_id: int) -> Response:
        event = shown_event(event_id)
        prices = selectors.sections(event.id)
        # Weak: the same map, though `instance` may differ. Read before the map, so that it is never newer.
        etag = f'W/"{selectors.fingerprint(event, prices)}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if etag in [part.strip() for part in request.headers.get("If-None-Match", "").split(",")]:
            return Response(status=304, headers=headers)
        seats = selectors.seat_map(event.id, prices)
        (row,) = selectors.described([event])
        body = {"seats": seats, "sections": prices, "event": row, "instance": settings.INSTANCE}
        return Response(body, headers=headers)
