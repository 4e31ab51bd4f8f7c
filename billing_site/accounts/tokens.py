"""What proves who somebody is: the customer's bearer token, and the tokens in mailed links."""

import hashlib
import secrets
import time
from typing import Any

import jwt
from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from billing_site.accounts.models import Person

AUDIENCE = "billing-customer"
ALGORITHM = "HS256"
LIFETIME_SECONDS = 12 * 3600
RESET_SECONDS = 3600
CONFIRM_SECONDS = 24 * 3600


class InvalidToken(Exception):
    """Forged, too old, or ended by a change of the password."""


def issue(person: Person) -> str:
    """A bearer token of a customer, good for twelve hours or until the password changes."""
    now = int(time.time())
    claims = {
        "aud": AUDIENCE,
        "sub": str(person.rut),
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "pwd": _fingerprint(person),
    }
    return jwt.encode(claims, _key(), algorithm=ALGORITHM)


def holder(token: str) -> Person:
    """The person of a bearer token. Raises InvalidToken."""
    try:
        claims = jwt.decode(
            token,
            _key(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["aud", "sub", "iat", "exp"]},
        )
        rut = int(claims["sub"])
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidToken(str(error)) from error
    person = Person.objects.filter(rut=rut, is_active=True).first()
    if person is None or not constant_time_compare(str(claims.get("pwd", "")), _fingerprint(person)):
        raise InvalidToken("the password has changed since")
    return person


def issue_reset(person: Person) -> str:
    """What the mailed link carries that lets its reader choose a new password: once, within the hour."""
    claims = {"rut": person.rut, "email": person.email, "pwd": _fingerprint(person)}
    return signing.dumps(claims, salt="billing.password-reset", compress=True)


def read_reset(token: str) -> dict[str, Any]:
    """The claims of a reset token; `resets` says whether they still hold. Raises InvalidToken."""
    try:
        claims = signing.loads(token, salt="billing.password-reset", max_age=RESET_SECONDS)
    except signing.BadSignature as error:
        raise InvalidToken(str(error)) from error
    return dict(claims)


def resets(claims: dict[str, Any], person: Person) -> bool:
    """Whether the claims of a reset token are still those of the person: neither password nor address changed."""
    return person.email == claims["email"] and constant_time_compare(claims["pwd"], _fingerprint(person))


def issue_email_change(person: Person, email: str) -> str:
    """What the link mailed to a new address carries: it takes its place once, within the day."""
    claims = {"rut": person.rut, "email": person.email, "new": email, "pwd": _fingerprint(person)}
    return signing.dumps(claims, salt="billing.email-change", compress=True)


def read_email_change(token: str) -> dict[str, Any]:
    """The claims of such a token, with `new`; `resets` says whether they still hold. Raises InvalidToken."""
    try:
        claims = signing.loads(token, salt="billing.email-change", max_age=CONFIRM_SECONDS)
    except signing.BadSignature as error:
        raise InvalidToken(str(error)) from error
    return dict(claims)


def new_link_token() -> str:
    """An unguessable token for a mailed link; only its digest is stored with the row it opens."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _fingerprint(person: Person) -> str:
    """Changes whenever the password does, and tells nothing of it."""
    return salted_hmac("billing.password-fingerprint", person.password or "", algorithm="sha256").hexdigest()[:32]


def _key() -> bytes:
    # Derived: a customer's token can be no other thing that the site signs.
    return salted_hmac("billing.customer-token", "", algorithm="sha256").digest()
