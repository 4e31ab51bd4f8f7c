"""Who is logged in, and which orders this browser made. All of it stays on the server, in the session."""

import logging
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from portal_site.clients.billing import LoggedIn, billing
from portal_site.clients.calls import Refused, Unavailable, Visitor

log = logging.getLogger(__name__)

CODES_KEPT = 20
# A login waits for no more than these.
CODES_CLAIMED = 5


def log_in(request: HttpRequest, found: LoggedIn) -> None:
    """The session of the person under a new key; orders made in this browser come along and are claimed."""
    codes = orders_of_this_browser(request)
    request.session.flush()
    rotate_token(request)
    request.session["token"] = found.token
    request.session["person"] = found.person.model_dump(mode="json")
    request.session["orders"] = codes
    claim_orders(request)


def log_out(request: HttpRequest) -> None:
    """Nothing of the person is left in this browser, her orders included."""
    request.session.flush()


def claim_orders(request: HttpRequest) -> None:
    """Links what was bought in this browser to the account. What cannot be linked now stays reachable by its code."""
    visitor = Visitor.as_person(request)
    for code in orders_of_this_browser(request)[:CODES_CLAIMED]:
        try:
            billing().claim(code=code, key=f"login-{code}", visitor=visitor)
        except Refused as refused:
            log.info("an order was not claimed at login: %s", refused.code)
        except Unavailable:
            return


def remember_order(request: HttpRequest, code: str) -> None:
    """This browser made the order: its code is the claim that proves it."""
    codes = [known for known in orders_of_this_browser(request) if known != code]
    request.session["orders"] = [code, *codes][:CODES_KEPT]


def orders_of_this_browser(request: HttpRequest) -> list[str]:
    return list(request.session.get("orders", []))


def person_of(request: HttpRequest) -> dict[str, Any] | None:
    """The person logged in. Without a session or its database nobody is."""
    session = getattr(request, "session", None)
    if session is None or not request.COOKIES.get(settings.SESSION_COOKIE_NAME):
        return None
    try:
        return session.get("person") if session.get("token") else None
    except (DatabaseError, InterfaceError):
        return None


def login_address(request: HttpRequest) -> str:
    """The login page, which leads back here."""
    target = request.path if request.method == "GET" else reverse("my_tickets")
    return f"{reverse('login')}?{urlencode({'next': target})}"


def safe_next(request: HttpRequest) -> str:
    """Where to go after login: an address of this site, or the person's tickets."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return target
    return reverse("my_tickets")


def context(request: HttpRequest) -> dict[str, Any]:
    """For every template: who is logged in."""
    return {"person": person_of(request)}
