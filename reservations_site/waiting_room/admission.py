"""The signed pass with which a buyer who was let in reserves: checked without a question to the database."""

import time
from dataclasses import dataclass
from datetime import datetime

from django.core import signing
from django.http import HttpRequest
from rest_framework.request import Request

SALT = "reservations.waiting_room.pass"


@dataclass(frozen=True)
class Admission:
    """Whom the room of this event let in; how often it may be used is counted where it is spent."""

    event_id: int
    place_id: int


def new_pass(*, event_id: int, place_id: int, browser: str, expires_at: datetime) -> str:
    """Good until `expires_at`, and only together with the digest of the browser's secret."""
    return signing.dumps([event_id, place_id, browser, int(expires_at.timestamp())], salt=SALT)


def admission_of(request: Request | HttpRequest) -> Admission | None:
    """What `X-Admission: <pass> <browser>` proves; None without one, or when it is forged, another's or run out."""
    signed, _sep, browser = request.META.get("HTTP_X_ADMISSION", "").partition(" ")
    if not signed:
        return None
    try:
        event_id, place_id, bound, expires = signing.loads(signed, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Admission(event_id, place_id) if browser == bound and time.time() < expires else None
