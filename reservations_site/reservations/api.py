"""The calls that reserve, show and cancel."""

from collections.abc import Mapping
from datetime import UTC
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from middleware_worker.contract.drf import ApiError, ServiceCaller
from reservations_site.reservations import selectors
from reservations_site.reservations.endings import ask_to_end
from reservations_site.reservations.failover import through_failover
from reservations_site.reservations.serializers import (
    NewReservation,
    OneSeat,
    ReservationAnswer,
    ReservationRefused,
    SeatRefused,
    SeatReserved,
)
from reservations_site.reservations.services import reserve_best, reserve_seats
from reservations_site.reservations.throttle import ReserveThrottle, challenge
from reservations_site.rest import ApiView, Refusal
from reservations_site.waiting_room.admission import Admission, admission_of

PUBLIC = "public"
ADMISSION = OpenApiParameter(
    "X-Admission",
    str,
    OpenApiParameter.HEADER,
    description="What the event's waiting room gave, where it has one.",
)
KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key and body again: the same answer."
)


def checked(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The valid fields of a body; 400 with the fields that are wrong."""
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def caller(request: Request) -> str:
    """Whose idempotency keys are meant: a program of ours, or everybody else."""
    return request.user.name if isinstance(request.user, ServiceCaller) else PUBLIC


def idempotency_key(request: Request | HttpRequest) -> str | None:
    """The client's key, or behind our proxy its request id: a proxy that asks again finds what it made.

    Raises 400 for a key that is too long or holds unprintable characters.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if not key and settings.BEHIND_PROXY and (request_id := request.META.get("HTTP_X_REQUEST_ID")):
        key = f"request:{request_id}"
    if len(key) > 180 or not key.isprintable():
        raise ApiError(HTTPStatus.BAD_REQUEST, "invalid", _("Clave de idempotencia inválida"))
    # A client's own keys never meet those that the server makes.
    return f"key:{key}" if key else None


def how_of(request: Request | HttpRequest) -> dict[str, Any]:
    """What a call that reserves brings in its headers: its key, and what a waiting room gave."""
    return {"key": idempotency_key(request), "admission": admission_of(request)}


def one_seat(asked: Mapping[str, Any], *, caller: str, key: str | None, admission: Admission | None) -> dict[str, Any]:
    """Takes one seat; the answer of POST /api/reserve."""
    try:
        booking = reserve_seats(
            seat_ids=[asked["seat_id"]],
            rut=asked["user_id"],
            caller=caller,
            idempotency_key=key,
            by=f"rut:{asked['user_id']}",
            admission=admission,
        )
    except ApiError as error:
        if error.code != "seats_taken":
            raise
        # This older call says of one seat what the newer one says of each.
        status = error.fields["taken"][0]["status"]
        refusal = ApiError(HTTPStatus.CONFLICT, "seats_taken", _("Asiento no disponible"))
        refusal.fields["status"] = status
        raise refusal from error
    (line,) = booking.lines
    return {
        "message": _("Asiento reservado exitosamente"),
        "seat_id": line.seat_id,
        "user_id": booking.reservation.rut,
        "reserved_at": booking.reservation.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "instance": settings.INSTANCE,
        "reservation": booking.reservation.code,
        "ticket_id": line.ticket_id,
        "expires_at": booking.reservation.expires_at.isoformat(),
    }


def several_seats(
    asked: Mapping[str, Any], *, caller: str, key: str | None, admission: Admission | None
) -> dict[str, Any]:
    """Takes all the seats of a list, or the best; the answer of POST /api/reservations."""
    who: dict[str, Any] = {"rut": asked["rut"], "name": asked.get("name", ""), "email": asked.get("email", "")}
    who |= {"by": f"rut:{asked['rut']}", "caller": caller, "idempotency_key": key, "admission": admission}
    if "seat_ids" in asked:
        booking = reserve_seats(seat_ids=asked["seat_ids"], **who)
    else:
        wanted = {"event_id": asked["event_id"], "quantity": asked["quantity"], "section": asked.get("section")}
        booking = reserve_best(**wanted, **who)
    return selectors.describe(booking)


class ReserveView(ApiView):
    """Takes one seat. The call of programs that were here before the portal; needs no login."""

    throttle_classes = [ReserveThrottle]
    throttle_scope = "reserve"

    @extend_schema(
        request=OneSeat,
        parameters=[KEY, ADMISSION],
        responses={
            200: SeatReserved,
            400: Refusal,
            404: Refusal,
            409: OpenApiResponse(SeatRefused, "Taken, or not on sale, or too many unpaid seats."),
            403: OpenApiResponse(Refusal, "waiting_room, admission_used, or a challenge of this site was not passed."),
            422: Refusal,
            429: Refusal,
        },
    )
    def post(self, request: Request) -> Response:
        asked = checked(OneSeat, request)
        challenge(request._request, rut=asked["user_id"], caller=caller(request))
        return Response(one_seat(asked, caller=caller(request), **how_of(request)))


class ReservationsView(ApiView):
    """Takes all the seats of a list, or the best ones that are free; all or none."""

    throttle_classes = [ReserveThrottle]
    throttle_scope = "reserve"

    @extend_schema(
        request=NewReservation,
        parameters=[KEY, ADMISSION],
        responses={
            201: ReservationAnswer,
            400: Refusal,
            404: Refusal,
            409: ReservationRefused,
            403: OpenApiResponse(Refusal, "waiting_room, admission_used, or a challenge of this site was not passed."),
            422: OpenApiResponse(Refusal, "The key was used with another body."),
            429: Refusal,
        },
    )
    def post(self, request: Request) -> Response:
        asked = checked(NewReservation, request)
        challenge(request._request, rut=asked["rut"], caller=caller(request))
        found = several_seats(asked, caller=caller(request), **how_of(request))
        return Response(found, status=HTTPStatus.CREATED)


class ReservationView(ApiView):
    """A reservation by its booking code, which only its buyer knows."""

    @extend_schema(responses={200: ReservationAnswer, 404: Refusal})
    def get(self, request: Request, code: str) -> Response:
        with selectors.cluster_of(code):
            return Response(through_failover(lambda _again: selectors.describe(selectors.by_code(code))))

    @extend_schema(
        responses={
            202: OpenApiResponse(ReservationAnswer, "Asked; the seats are free when billing has agreed."),
            404: Refusal,
            409: OpenApiResponse(Refusal, "paid"),
        }
    )
    def delete(self, request: Request, code: str) -> Response:
        with selectors.cluster_of(code):
            found = through_failover(lambda _again: selectors.by_code(code)).reservation
            booking = ask_to_end(reservation=found, reason="cancelled_by_buyer", by=f"rut:{found.rut}")
        return Response(selectors.describe(booking), status=HTTPStatus.ACCEPTED)
