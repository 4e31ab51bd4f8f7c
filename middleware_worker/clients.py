"""The HTTP APIs of the two sites, as the middleware calls them."""

import logging
import os
import threading
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import requests
from pydantic import ValidationError

from middleware_worker import environment
from middleware_worker.contract import messages
from middleware_worker.contract.credentials import ServiceAuth

log = logging.getLogger(__name__)

CONNECT_SECONDS = 2
READ_SECONDS = 10
# Verdicts on the content; every other answer says something about the site and is asked again.
REFUSALS = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
# Words about one thing that was asked for, when they come as JSON.
SPOKEN = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}


class Unreachable(Exception):
    """The site did not answer, or not in a way that says anything about the content."""


class Refused(Exception):
    """The site looked at the content and will never accept it as it is."""

    def __init__(self, status: int, code: str, error: str) -> None:
        super().__init__(f"{status} {code}: {error}")
        self.status, self.code, self.error = status, code, error


class NotThere(Unreachable):
    """The site knows no such thing (404): what was asked about is gone, or the address is set wrong."""


class Site:
    """One site. Holds a connection: for one thread of one process, see `site()`."""

    def __init__(self, name: str, url: str, *, key: str, read_seconds: float = READ_SECONDS) -> None:
        self.name, self.url, self.read_seconds = name, url.rstrip("/"), read_seconds
        self.session = requests.Session()
        # No proxy and no .netrc of whoever starts the worker.
        self.session.trust_env = False
        self.session.auth = ServiceAuth(caller=environment.CALLER, audience=name, key=key)

    def deliver(self, batch: Sequence[dict[str, Any]]) -> list[messages.Answer]:
        """The site's answers to messages. Raises Unreachable or Refused."""
        found = self.call("POST", "messages", {"messages": list(batch)}).get("answers")
        try:
            return messages.answers.validate_python(found)
        except ValidationError as error:
            raise Unreachable(f"{self.name} answered what cannot be understood") from error

    def settle(self, receipts: Sequence[messages.Answer]) -> int:
        """Brings receipts; how many rows they settled. Raises Unreachable or Refused."""
        body = {"receipts": [receipt.model_dump(mode="json") for receipt in receipts]}
        return int(self.call("POST", "receipts", body).get("settled", 0))

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object that /api/internal/<path> answers. Raises Unreachable, Refused or NotThere."""
        status, fields = self.ask(method, path, body)
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return fields
        code, error = str(fields.get("code", "")), str(fields.get("error", ""))
        if status in REFUSALS:
            raise Refused(status, code or "refused", error or f"HTTP {status}")
        if status == HTTPStatus.NOT_FOUND:
            raise NotThere(path)
        raise Unreachable(f"{self.name} answered {status} {code}".rstrip())

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """(status, JSON object) of an answer that speaks of the content; Unreachable for every other one."""
        response = self._send(method, f"{self.url}/api/internal/{path}", body)
        status = response.status_code
        try:
            found = response.json()
        except requests.JSONDecodeError:
            found = None
        fields = found if isinstance(found, dict) else {}
        if status in REFUSALS or (found is fields and (response.ok or status in SPOKEN)):
            return status, fields
        raise Unreachable(f"{self.name} answered {status} {fields.get('code', '')}".rstrip())

    def _send(self, method: str, url: str, body: dict[str, Any] | None) -> requests.Response:
        times = (CONNECT_SECONDS, self.read_seconds)
        for last in (False, True):
            try:
                # A redirect is an address that is set wrong: following it would turn POST into GET.
                return self.session.request(method, url, json=body, timeout=times, allow_redirects=False)
            except requests.Timeout as error:
                raise Unreachable(f"{self.name} did not answer in time") from error
            except requests.ConnectionError as error:
                # A kept connection that the site closed meanwhile: once more on a new one.
                if last or "Connection aborted" not in str(error):
                    raise Unreachable(f"{self.name} cannot be reached") from error
            except requests.RequestException as error:
                raise Unreachable(f"{self.name}: {error!r}") from error
        raise AssertionError("unreachable")


_held = threading.local()


def site(name: str) -> Site:
    """The site's client of this thread in this process; made when first asked for."""
    sites: dict[tuple[int, str], Site] = _held.__dict__.setdefault("sites", {})
    key = (os.getpid(), name)
    if key not in sites:
        found = environment.read()
        sites[key] = Site(name, found.urls[name], key=found.service_key)
    return sites[key]
