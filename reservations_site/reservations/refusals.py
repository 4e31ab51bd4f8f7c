"""Why a reservation was refused: each with the status, the word and the Spanish sentence of the contract."""

import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from middleware_worker.contract.drf import ApiError
from reservations_site.events.models import Seat


def seats_taken(seats: Sequence[Seat]) -> ApiError:
    """409 that names each seat that was lost."""
    names = ", ".join(seat.label for seat in seats)
    sentence = ngettext("Asiento no disponible: %s", "Asientos no disponibles: %s", len(seats)) % names
    taken = [{"seat_id": s.id, "seat_number": s.label, "status": s.public_status()} for s in seats]
    return ApiError(HTTPStatus.CONFLICT, "seats_taken", sentence, taken=taken)


def not_enough_seats() -> ApiError:
    return ApiError(HTTPStatus.CONFLICT, "not_enough_seats", _("No quedan suficientes asientos"))


def hold_limit(*, held: int, limit: int) -> ApiError:
    sentence = _("Un RUT puede tener hasta %(limit)d asientos sin pagar; ya tiene %(held)d") % {
        "limit": limit,
        "held": held,
    }
    return ApiError(HTTPStatus.CONFLICT, "hold_limit", sentence, limit=limit, held=held)


def too_often(wait: float) -> ApiError:
    """429; `wait` in seconds until the buyer may reserve again."""
    sentence = _("Demasiadas solicitudes, espere un momento")
    return ApiError(HTTPStatus.TOO_MANY_REQUESTS, "throttled", sentence, retry_after=max(1, math.ceil(wait)))


def challenge() -> ApiError:
    """403: what settings.CHALLENGE names does not let this call through."""
    return ApiError(HTTPStatus.FORBIDDEN, "challenge", _("Confirme que es una persona e intente de nuevo"))


def sales_closed(event_name: str) -> ApiError:
    return ApiError(HTTPStatus.CONFLICT, "sales_closed", _("La venta está cerrada: %s") % event_name)


def waiting_room(event_id: int) -> ApiError:
    sentence = _("Este evento tiene sala de espera: se compra cuando ella deja entrar")
    return ApiError(HTTPStatus.FORBIDDEN, "waiting_room", sentence, event_id=event_id)


def admission_used() -> ApiError:
    sentence = _("Este turno de la sala de espera ya se usó o terminó")
    return ApiError(HTTPStatus.FORBIDDEN, "admission_used", sentence)


def unknown_seat(ids: Sequence[int] = ()) -> ApiError:
    fields: dict[str, Any] = {"unknown": list(ids)} if ids else {}
    return ApiError(HTTPStatus.NOT_FOUND, "unknown_seat", _("Asiento no encontrado"), **fields)


def unknown_event() -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "unknown_event", _("Evento no encontrado"))


def unknown_section() -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "unknown_section", _("Sector no encontrado"))


def unknown_reservation() -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "unknown_reservation", _("Reserva no encontrada"))


def several_events() -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "several_events", _("Los asientos deben ser de un mismo evento"))


def too_many_seats(limit: int) -> ApiError:
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        "too_many_seats",
        _("Se pueden reservar hasta %d asientos a la vez") % limit,
        limit=limit,
    )


def idempotency_conflict() -> ApiError:
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "idempotency_conflict",
        _("Esta clave de idempotencia ya se usó con otros datos"),
    )


def already_paid() -> ApiError:
    return ApiError(HTTPStatus.CONFLICT, "paid", _("La reserva ya está pagada"))
