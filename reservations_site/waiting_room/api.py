"""The room for programs: what everybody sees, and a browser's place, which the portal alone may ask for."""

import re
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from middleware_worker.contract.drf import ApiError, callers
from reservations_site.reservations.api import checked
from reservations_site.reservations.throttle import ReserveThrottle
from reservations_site.rest import ApiView, Refusal
from reservations_site.waiting_room import selectors, services

DIGEST = re.compile(r"[0-9a-f]{32}")


class RoomState(serializers.Serializer[Any]):
    event_id = serializers.IntegerField()
    state = serializers.ChoiceField(["before", "open", "paused", "over"])
    sold_out = serializers.BooleanField(help_text="No seat is free just now: nobody is let in until one is.")
    opens_at = serializers.DateTimeField()
    now = serializers.DateTimeField(help_text="By the database's clock.")
    rate = serializers.IntegerField(help_text="Buyers let in a minute.")
    minutes = serializers.IntegerField(help_text="How long one may stay inside.")
    waiting = serializers.IntegerField()
    spread = serializers.IntegerField(help_text="At the opening one comes for one's number within so many seconds.")
    last = serializers.IntegerField(help_text="The last number that was given.")
    door = serializers.IntegerField(help_text="Numbers up to this one have been let in.")
    poll = serializers.ListField(help_text="Up to how many places from the door one asks again after how many seconds.")


class Browser(serializers.Serializer[Any]):
    browser = serializers.RegexField(DIGEST, min_length=32, max_length=32, help_text="A digest of its secret, hex.")
    join = serializers.BooleanField(default=False, help_text="Stand in line when it has no place, or is out again.")


class PlaceAnswer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["waiting", "inside", "over"])
    number = serializers.IntegerField(allow_null=True, help_text="Null until the draw.")
    expires_at = serializers.DateTimeField(allow_null=True)
    uses_left = serializers.IntegerField()
    # `pass` is no name in Python; the answer has it too.


def room_state(event_id: int) -> dict[str, Any]:
    state = selectors.state(event_id)
    if state is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "no_room", _("Este evento no tiene sala de espera"))
    return state


class RoomView(ApiView):
    """The waiting room of an event. Anybody may keep the answer for a second."""

    @extend_schema(responses={200: RoomState, 404: Refusal})
    def get(self, request: Request, event_id: int) -> Response:
        return Response(room_state(event_id), headers={"Cache-Control": "public, max-age=1"})


class PlaceView(ApiView):
    """A browser's place, and its pass once it is let in. The same call again gets the same place."""

    permission_classes = [callers("portal")]
    # By the buyer's address, which the portal names.
    throttle_classes = [ReserveThrottle]
    throttle_scope = "reserve"

    @extend_schema(request=Browser, responses={200: PlaceAnswer, 403: Refusal, 404: Refusal, 429: Refusal})
    def post(self, request: Request, event_id: int) -> Response:
        asked = checked(Browser, request)
        state = room_state(event_id)
        if asked["join"] and state["state"] != "over":
            services.stand_in_line(event_id=event_id, browser=asked["browser"])
        place = selectors.place(event_id=event_id, browser=asked["browser"])
        if place is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "no_place", _("Este navegador no está en la fila"))
        return Response(place | {"room": state}, headers={"Cache-Control": "no-store"})
