"""Short-lived signed credentials with which the programs call each other.

A credential is a JWT (HS256): ``iss`` the caller's name, ``aud`` the site it is for. Every caller has
a key of its own, so that a site that can check one caller cannot speak in the name of another. A site
accepts up to two keys a caller, so that keys are changed without a stop.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
from requests import PreparedRequest
from requests.auth import AuthBase

LIFETIME_SECONDS = 60
# A site whose clock is two minutes off must go on working; see docs/faults.md.
CLOCK_LEEWAY_SECONDS = 150
SCHEME = "Service"
ALGORITHM = "HS256"


class InvalidCredential(Exception):
    """The credential is missing, forged, too old, for another site or from an unknown caller."""


def parse_keys(entries: Iterable[str]) -> dict[str, list[str]]:
    """Keys by caller from settings such as ``["portal:abc", "worker:new", "worker:old"]``."""
    keys: dict[str, list[str]] = {}
    for entry in entries:
        caller, _, key = entry.strip().partition(":")
        if not caller or len(key) < 16:
            raise ValueError(f"a service key reads «caller:key» with at least 16 characters, not «{caller}:…»")
        keys.setdefault(caller, []).append(key)
    for caller, found in keys.items():
        if len(found) > 2:
            raise ValueError(f"«{caller}» has {len(found)} service keys; at most two are accepted at once")
    return keys


def issue(*, caller: str, audience: str, key: str) -> str:
    """A credential of ``caller`` for ``audience``, good for LIFETIME_SECONDS."""
    now = int(time.time())
    claims = {"iss": caller, "aud": audience, "iat": now, "exp": now + LIFETIME_SECONDS}
    return jwt.encode(claims, key, algorithm=ALGORITHM)


def verify(token: str, *, audience: str, keys: Mapping[str, list[str]]) -> str:
    """The caller's name. Raises InvalidCredential."""
    try:
        claimed: Any = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.InvalidTokenError as error:
        raise InvalidCredential(str(error)) from error
    reason, signed = f"unknown caller {claimed!r}", False
    for key in keys.get(claimed, []) if isinstance(claimed, str) else []:
        try:
            jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=audience,
                leeway=CLOCK_LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "iat", "exp"]},
            )
        except jwt.InvalidSignatureError as error:
            # Signed with the caller's other key, perhaps; what that one says is the better reason.
            reason = reason if signed else str(error)
        except jwt.InvalidTokenError as error:
            reason, signed = str(error), True
        else:
            return str(claimed)
    raise InvalidCredential(reason)


class ServiceAuth(AuthBase):
    """Signs each request of a ``requests`` session; renews the credential before it runs out."""

    def __init__(self, *, caller: str, audience: str, key: str, header: str = "Authorization") -> None:
        self.caller, self.audience, self.key, self.header = caller, audience, key, header
        self._token, self._renew_at = "", 0.0

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if time.monotonic() >= self._renew_at:
            self._token = issue(caller=self.caller, audience=self.audience, key=self.key)
            self._renew_at = time.monotonic() + LIFETIME_SECONDS / 2
        request.headers[self.header] = f"{SCHEME} {self._token}"
        return request
