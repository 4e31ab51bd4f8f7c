"""Where a caller comes from, as far as it can be believed."""

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest, *, behind_caller: bool = False) -> str:
    """The caller's address; with `behind_caller` that of the person whom a trusted caller speaks for.

    Of X-Forwarded-For only the entries of our own proxies are believed (NUM_PROXIES), and one more when
    the caller itself is ours: it sends the address of its visitor.
    """
    believed = settings.REST_FRAMEWORK["NUM_PROXIES"] + (1 if behind_caller else 0)
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    chain = [part.strip() for part in forwarded.split(",") if part.strip()] if believed else []
    if chain:
        return str(chain[-min(believed, len(chain))])[:64]
    return str(request.META.get("REMOTE_ADDR", ""))
