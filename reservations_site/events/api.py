"""The catalogue and the seat maps, for everybody."""

import hashlib
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from middleware_worker.contract.drf import ApiError
from reservations_site import clusters
from reservations_site.events import selectors
from reservations_site.events.drawn import DrawnMap, accepts_gzip, maps
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


class SeatStates(serializers.Serializer[Any]):
    states = serializers.CharField(
        help_text="A letter for each seat in the order of their ids: a available, r reserved, s sold."
    )
    instance = serializers.CharField()  # type: ignore[assignment]


def shown_event(id: int) -> Event:
    """The event; 404 for a draft or an unknown one."""
    event = selectors.shown_event(id)
    if event is None:
        raise ApiError(404, "unknown_event", _("Evento no encontrado"))
    return event


def is_known(request: Request, etag: str) -> bool:
    """Whether the caller has this state already."""
    return etag in [part.strip() for part in request.headers.get("If-None-Match", "").split(",")]


def for_everybody(response: HttpResponseBase) -> HttpResponseBase:
    """The answer, the same for whoever asks: nginx may keep it a second, see docs/decisions/0008."""
    if settings.BEHIND_PROXY:
        response.headers["X-Accel-Expires"] = "1"
    return response


class EventsView(ApiView):
    """The events on sale or coming up."""

    @extend_schema(operation_id="events_list", responses=EventList)
    def get(self, request: Request) -> HttpResponseBase:
        listed = clusters.gathered(selectors.listed_events)
        return for_everybody(Response({"events": listed, "instance": settings.INSTANCE}))


class EventView(ApiView):
    """One event with its price sections."""

    @extend_schema(responses={200: EventDetail, 404: Refusal})
    def get(self, request: Request, event_id: int) -> HttpResponseBase:
        event = shown_event(event_id)
        found = selectors.displayed(partial(self._shown, event)) | {"instance": settings.INSTANCE}
        return for_everybody(Response(found))

    def _shown(self, event: Event, using: str) -> dict[str, Any]:
        (row,) = selectors.described([event], using)
        return row | {"sections": selectors.sections_with_free_seats(event.id, using)}


class SeatsView(ApiView):
    """The seat map. Send its ETag back in If-None-Match and get 304 while nothing has changed."""

    @extend_schema(responses={200: SeatMap, 304: OpenApiResponse(description="Nothing has changed."), 404: Refusal})
    def get(self, request: Request, event_id: int) -> HttpResponseBase:
        return for_everybody(selectors.displayed(partial(self._shown, request, shown_event(event_id))))

    def _shown(self, request: Request, event: Event, using: str) -> HttpResponseBase:
        state = selectors.map_state(event, using)
        if is_known(request, state.etag):
            return Response(status=304, headers={"ETag": state.etag, "Cache-Control": "no-cache"})
        if (drawn := maps.get(event.id)) is None or drawn.etag != state.etag:
            drawn = maps.keep(event.id, DrawnMap(*selectors.seat_map(event, state, using)))
        headers = {"ETag": drawn.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if not accepts_gzip(request):
            return HttpResponse(drawn.body, content_type="application/json", headers=headers)
        headers["Content-Encoding"] = "gzip"
        return HttpResponse(drawn.packed, content_type="application/json", headers=headers)


class SeatStatesView(ApiView):
    """Only which seats are free, for a map that is open already: 20 kB for 20,000 seats, 304 while nothing changes."""

    @extend_schema(responses={200: SeatStates, 304: OpenApiResponse(description="Nothing has changed."), 404: Refusal})
    def get(self, request: Request, event_id: int) -> HttpResponseBase:
        states = selectors.displayed(partial(selectors.states, shown_event(event_id).id))
        etag = f'W/"{hashlib.blake2b(states.encode(), digest_size=12).hexdigest()}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if is_known(request, etag):
            return for_everybody(Response(status=304, headers=headers))
        return for_everybody(Response({"states": states, "instance": settings.INSTANCE}, headers=headers))
