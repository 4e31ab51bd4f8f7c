"""The browser in which a staff member has logged in before, known by a signed cookie of its own."""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE, SALT = "reservations_device", "reservations_site.logins.device"
KEPT_SECONDS = 180 * 24 * 3600


def known_device(request: HttpRequest, user: str) -> str:
    """The name of this browser, when this user has logged in with it; else nothing."""
    try:
        whose, device = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KEPT_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(device) if whose == user else ""


def remember(response: HttpResponse, user: str) -> None:
    """Makes this browser known to be this user's."""
    response.set_cookie(
        COOKIE,
        signing.dumps([user, secrets.token_urlsafe(12)], salt=SALT),
        max_age=KEPT_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
