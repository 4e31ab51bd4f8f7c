"""Where a visitor comes from."""

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """The visitor's address; X-Forwarded-For is believed for as many proxies as are ours."""
    remote = str(request.META.get("REMOTE_ADDR", ""))
    if settings.NUM_PROXIES:
        chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        if chain:
            return chain[-min(settings.NUM_PROXIES, len(chain))]
    return remote
