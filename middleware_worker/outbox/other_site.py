"""The other site's calls for healing and comparing. Each site signs with a key of its own, good for these alone."""

from collections.abc import Iterator
from typing import Any, TypeVar

import requests
from django.conf import settings
from pydantic import TypeAdapter, ValidationError

from middleware_worker.contract.credentials import ServiceAuth

T = TypeVar("T")
PAGE = 200
TIMEOUT = (3, 30)


class OtherSiteFailed(Exception):
    """The other site cannot be asked; the sentence says why."""


class OtherSite:
    """Its /api/internal/healing/ calls."""

    def __init__(self) -> None:
        if not settings.SERVICE_KEY:
            variable = f"{settings.SERVICE_NAME.upper()}_SERVICE_KEY"
            raise OtherSiteFailed(f"Set {variable}: the key by which {settings.OTHER_SITE} knows this site.")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = ServiceAuth(
            caller=settings.SERVICE_NAME, audience=settings.OTHER_SITE, key=settings.SERVICE_KEY
        )

    def orders(self, kind: TypeAdapter[list[T]], *, since: str = "") -> Iterator[T]:
        """All its orders, oldest first; `since` (ISO) leaves out those that have not changed."""
        after = 0
        while True:
            body = self._call("GET", "orders", params={"after": after, "limit": PAGE, "since": since})
            try:
                page = kind.validate_python(body.get("orders"))
            except ValidationError as error:
                raise OtherSiteFailed(f"{settings.OTHER_SITE} answered what cannot be understood: {error}") from error
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].cursor  # type: ignore[attr-defined]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._call("POST", path, json=body)

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        url = f"{settings.OTHER_SITE_URL.rstrip('/')}/api/internal/healing/{path}"
        try:
            response = self._session.request(method, url, timeout=TIMEOUT, allow_redirects=False, **arguments)
            found: Any = response.json() if response.ok else None
        except (requests.RequestException, ValueError) as error:
            raise OtherSiteFailed(f"{settings.OTHER_SITE} cannot be asked ({url}): {error}") from error
        if not isinstance(found, dict):
            raise OtherSiteFailed(f"{settings.OTHER_SITE} answered {response.status_code} to {method} {url}")
        return found
