"""A browser's place in line, in two cookies: its secret, and what the room last said, signed and bound to the secret.

The place itself is a row in the reservations site, found by a digest of the secret: a reload, another replica or a
restart finds the same one. A cookie that was copied without the other is worth nothing.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from portal_site.clients.reservations import Place

BROWSER = "portal_browser"
SALT = "portal.waiting_room.place"
KEPT = timedelta(days=14)
# The codes with which a reservation is refused when the turn is over.
TURN_IS_OVER = ("waiting_room", "admission_used")


@dataclass(frozen=True)
class Standing:
    """What this browser was last told: its number once there is one, and its pass while it is inside."""

    number: int | None = None
    until: datetime | None = None
    admission: str = ""

    def is_inside(self) -> bool:
        return bool(self.admission) and self.until is not None and timezone.now() < self.until

    @classmethod
    def told(cls, place: Place) -> "Standing":
        return cls(place.number, place.expires_at, place.admission or "")


def browser_of(request: HttpRequest) -> str:
    """The digest of this browser's secret; empty when it has none."""
    secret = request.COOKIES.get(BROWSER, "")
    return digest(secret) if 20 <= len(secret) <= 60 else ""


def digest(secret: str) -> str:
    return hashlib.blake2b(secret.encode(), digest_size=16).hexdigest()


def new_secret() -> str:
    return secrets.token_urlsafe(24)


def _name(event_id: int) -> str:
    return f"portal_room_{event_id}"


def standing(request: HttpRequest, event_id: int) -> Standing | None:
    """What this browser was told; None without a place, or with another browser's cookie."""
    try:
        browser, number, until, admission = signing.loads(request.COOKIES.get(_name(event_id), ""), salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if not browser or browser != browser_of(request):
        return None
    return Standing(number, until and datetime.fromisoformat(until), admission)


def remember(response: HttpResponse, event_id: int, *, browser: str, told: Standing) -> None:
    kept = [browser, told.number, told.until and told.until.isoformat(), told.admission]
    set_cookie(response, _name(event_id), signing.dumps(kept, salt=SALT), path=f"/evento/{event_id}")


def forget(response: HttpResponse, event_id: int) -> None:
    response.delete_cookie(_name(event_id), path=f"/evento/{event_id}", samesite="Lax")


def set_cookie(response: HttpResponse, name: str, value: str, *, path: str) -> None:
    response.set_cookie(name, value, max_age=KEPT, path=path, httponly=True, samesite="Lax", secure=settings.HTTPS)


def admission(request: HttpRequest, event_id: int) -> str:
    """What a reservation is sent with; empty for whoever is not inside."""
    told = standing(request, event_id)
    return f"{told.admission} {browser_of(request)}" if told is not None and told.is_inside() else ""


def inside_until(request: HttpRequest, event_id: int) -> datetime | None:
    told = standing(request, event_id)
    return told.until if told is not None and told.is_inside() else None


def leave(request: HttpRequest, event_id: int) -> HttpResponse:
    """Back to the room, which says that the turn is over."""
    response = redirect("room", event_id=event_id)
    if told := standing(request, event_id):
        remember(response, event_id, browser=browser_of(request), told=Standing(told.number, timezone.now()))
    return response
