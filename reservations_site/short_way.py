"""The two calls that sell, on a short way: before sessions, log-ins and the headers of pages, and without the parsers
and serializers, when the request is plainly good. Everything else goes the long way, which knows every error.
"""

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import ResolverMatch, resolve
from django.utils import translation
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.response import Response

from middleware_worker.contract.drf import ApiError, server_error, service_caller, unavailable
from middleware_worker.contract.rut import MAX_RUT
from middleware_worker.outbox.closing import is_closed
from reservations_site.reservations import api
from reservations_site.reservations.throttle import ReserveThrottle, challenge
from reservations_site.rest import LARGEST_BODY, exception_handler

# Fewer than the long way accepts, which looks at all others.
PLAIN_EMAIL = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@([a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\.)+[a-z]{2,20}")


class ShortWay:
    """Answers what is plainly good itself, and hands the rest on untouched."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._matches: dict[str, ResolverMatch] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        call = CALLS.get(request.path_info) if request.method == "POST" else None
        asked = plain_body(request) if call is not None else None
        if call is None or asked is None or not call.is_good(asked):
            return self.get_response(request)
        try:
            caller = service_caller(request) or api.PUBLIC  # type: ignore[arg-type]
        except AuthenticationFailed:
            return self.get_response(request)
        request.get_host()
        if (match := self._matches.get(request.path_info)) is None:
            match = self._matches[request.path_info] = resolve(request.path_info)
        # For whoever counts the requests.
        request.resolver_match = match
        with translation.override(settings.LANGUAGE_CODE):
            # With several clusters it is the seat's that is asked, by whoever serves the call.
            closed = not settings.CLUSTER_ALIASES and is_closed()
            answered = unavailable() if closed else answer(request, call, asked, caller)
        # Without it gunicorn would send chunks.
        answered.headers.setdefault("Content-Length", str(len(answered.content)))
        return answered


def plain_body(request: HttpRequest) -> dict[str, Any] | None:
    """The JSON object of a request from outside; None for whatever needs a closer look."""
    meta = request.META
    length, accepts = meta.get("CONTENT_LENGTH") or "", meta.get("HTTP_ACCEPT", "*/*")
    if (
        meta.get("CONTENT_TYPE") != "application/json"
        or meta.get("QUERY_STRING")
        or accepts not in ("*/*", "application/json")
        or not length.isdigit()
        or int(length) > LARGEST_BODY
    ):
        return None
    try:
        found = json.loads(request.body, parse_constant=_no_json)
    except (ValueError, RecursionError, OSError):
        return None
    return found if type(found) is dict else None


def _no_json(constant: str) -> None:
    raise ValueError(constant)


class Call:
    """One of the two calls."""

    def __init__(
        self, is_good: Callable[[dict[str, Any]], bool], run: Callable[..., dict[str, Any]], status: int, buyer: str
    ) -> None:
        self.is_good, self.run, self.status, self.buyer = is_good, run, status, buyer


def is_one_seat(asked: dict[str, Any]) -> bool:
    return _number(asked.get("seat_id")) and _number(asked.get("user_id"), MAX_RUT)


def is_seats(asked: dict[str, Any]) -> bool:
    seats, name, email = asked.get("seat_ids"), asked.get("name", ""), asked.get("email", "")
    return (
        asked.keys() <= {"seat_ids", "rut", "name", "email"}
        and type(seats) is list
        and 1 <= len(seats) <= 100
        and all(map(_number, seats))
        and _number(asked.get("rut"), MAX_RUT)
        and type(name) is str
        and len(name) <= 200
        and name.isprintable()
        and name == name.strip()
        and type(email) is str
        and len(email) <= 254
        and (not email or PLAIN_EMAIL.fullmatch(email) is not None)
    )


def _number(value: Any, most: int | None = None) -> bool:
    return type(value) is int and value >= 1 and (most is None or value <= most)


CALLS = {
    "/api/reserve": Call(is_one_seat, api.one_seat, HTTPStatus.OK, "user_id"),
    "/api/reservations": Call(is_seats, api.several_seats, HTTPStatus.CREATED, "rut"),
}


def answer(request: HttpRequest, call: Call, asked: Mapping[str, Any], caller: str) -> HttpResponse:
    """As the long way's view gives it."""
    try:
        throttle = ReserveThrottle()
        if not throttle.lets(request, is_service=caller != api.PUBLIC):
            raise Throttled(throttle.wait())
        challenge(request, rut=asked[call.buyer], caller=caller)
        found = call.run(asked, caller=caller, **api.how_of(request))
        return _json(found, call.status)
    except ApiError as error:
        return _json(error.body(), error.status_code, error.headers())
    except Exception as error:
        refused = exception_handler(error, {"request": SimpleNamespace(_request=request)})
        if isinstance(refused, Response):
            return _json(refused.data, refused.status_code, dict(refused.headers))
        return refused or server_error(request)


def _json(body: Any, status: int, headers: Mapping[str, str] | None = None) -> HttpResponse:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    made = HttpResponse(text, status=status, content_type="application/json")
    made.headers["X-Content-Type-Options"] = "nosniff"
    for header, value in (headers or {}).items():
        made.headers.setdefault(header, value)
    return made
