"""Calls to the other sites: signed, with short time-outs, and with two kinds of failure only.

`Unavailable`: nobody can say whether it happened; ask again or show what is known.
`Refused`: the site understood and said no, with a sentence for people and a word for programs.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import requests
from django.http import HttpRequest
from django.utils.translation import get_language

from middleware_worker.contract.credentials import ServiceAuth
from portal_site.clients.visitors import address_of

log = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
READ_SECONDS = 5.0
# After this many time-outs in a row reads fail at once for a while, so that a site that hangs does not hang us.
TIME_OUTS_TO_PAUSE = 3
PAUSE_SECONDS = 3.0

T = TypeVar("T")


class Unavailable(Exception):
    """The site cannot be reached, or answered something that is no answer."""

    def __init__(self, site: str, reason: str) -> None:
        super().__init__(f"{site}: {reason}")
        self.site, self.reason = site, reason


class Refused(Exception):
    """The site said no."""

    def __init__(self, status: int, code: str, error: str, fields: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {code}: {error}")
        self.status, self.code, self.error, self.fields = status, code, error, dict(fields)


class SignedOut(Refused):
    """The person's token is no longer good."""


@dataclass(frozen=True)
class Visitor:
    """On whose behalf a call is made: where from, in which language, as which person, and let in by which room."""

    address: str = ""
    language: str = "es-cl"
    token: str = ""
    # What an event's waiting room gave this browser; sent with reservations alone.
    admission: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> "Visitor":
        """The visitor of a request, as nobody in particular. Needs no session."""
        return cls(address=address_of(request), language=get_language() or "es-cl")

    @classmethod
    def as_person(cls, request: HttpRequest) -> "Visitor":
        """The visitor as the person logged in."""
        return replace(cls.of(request), token=request.session.get("token", ""))


class Site:
    """One of the other sites, through a pool of connections."""

    def __init__(self, *, name: str, url: str, key: str, knows_people: bool = False) -> None:
        self.name, self.url, self._knows_people = name, url.rstrip("/"), knows_people
        self._session = requests.Session()
        self._session.trust_env = False
        # One session serves all visitors: a cookie of one must never go out with another.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=32)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._as_portal = ServiceAuth(caller="portal", audience=name, key=key)
        self._beside_person = ServiceAuth(caller="portal", audience=name, key=key, header="X-Service")
        self._hanging, self._paused_until = 0, 0.0

    def close(self) -> None:
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        visitor: Visitor,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        signed: bool = True,
        read_seconds: float = READ_SECONDS,
    ) -> requests.Response:
        """The answer when it is a 2xx or 304. Raises Refused, SignedOut or Unavailable.

        `signed=False` for what is the same for everybody: nginx then answers what it has kept for a second.
        """
        if method == "GET" and time.monotonic() < self._paused_until:
            raise Unavailable(self.name, "hangs, not asked again yet")
        sent = {"Accept": "application/json", "Accept-Language": visitor.language, **(headers or {})}
        if visitor.address:
            sent["X-Forwarded-For"] = visitor.address
        auth = self._as_portal if signed else None
        as_person = bool(visitor.token) and self._knows_people
        if as_person:
            sent["Authorization"], auth = f"Bearer {visitor.token}", self._beside_person
        try:
            response = self._session.request(
                method,
                self.url + path,
                json=body,
                headers=sent,
                auth=auth,
                timeout=(CONNECT_SECONDS, read_seconds),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            if isinstance(error, requests.Timeout):
                self._count_hanging()
            self._log(method, path, type(error).__name__)
            raise Unavailable(self.name, type(error).__name__) from error
        self._hanging = 0
        if response.status_code >= 500:
            self._log(method, path, str(response.status_code))
            raise Unavailable(self.name, f"answered {response.status_code}")
        if response.ok and response.status_code != 302:
            return response
        raise self._refusal(response, signed_in=as_person)

    def parsed(self, response: requests.Response, parse: Callable[[Any], T]) -> T:
        """The answer as a typed value; an answer of another shape counts as unavailable."""
        try:
            return parse(response.json())
        except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
            log.error("%s answered something unexpected: %s", self.name, error)
            raise Unavailable(self.name, "answered something unexpected") from error

    def _count_hanging(self) -> None:
        self._hanging += 1
        if self._hanging >= TIME_OUTS_TO_PAUSE:
            self._hanging, self._paused_until = 0, time.monotonic() + PAUSE_SECONDS

    def _log(self, method: str, path: str, reason: str) -> None:
        # The path of an order holds its booking code: only its beginning is logged.
        log.warning("%s %s %s: %s", self.name, method, "/".join(path.split("/")[:3]), reason)

    def _refusal(self, response: requests.Response, *, signed_in: bool) -> Exception:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return Unavailable(self.name, f"answered {response.status_code} without JSON")
        status = response.status_code
        code, error = str(body.get("code", "error")), str(body.get("error", ""))
        if status == 401 and signed_in:
            return SignedOut(status, code, error, body)
        if status == 401 and code == "not_authenticated":
            # Our own credential is not accepted: nothing that the visitor could mend.
            log.error("%s does not accept our credential", self.name)
            return Unavailable(self.name, "does not accept our credential")
        return Refused(status, code, error, body)
