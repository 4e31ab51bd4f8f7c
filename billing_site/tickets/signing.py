"""The text in a ticket's QR code: signed with Ed25519, so that a gate can check it and cannot forge it.

``TF1.<key id>.<payload>.<signature>``, the last two in base64url without padding. The payload is a JSON
list: ticket, event, seat, generation, version. All but the signature is signed, the key id too. A gate
holds public keys only (`public_keys`); Django's own signing is an HMAC, whose every reader can forge.
"""

import base64
import binascii
import hashlib
import json
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from billing_site.tickets.models import Ticket

PREFIX = "TF1"
# An outside id of 128 characters makes some 800; what is longer is no ticket of ours.
MAX_LENGTH = 2000


class Forged(ValueError):
    """The text is no QR of ours, or someone changed it."""


class Claims(NamedTuple):
    """What a genuine QR says of its ticket, as it was when it was signed."""

    ticket: str
    event: int | str
    seat: int | None
    generation: int
    version: int
    key: str


def event_reference(*, event_id: int | None, event: str) -> int | str:
    """The event as a QR names it: its number, or for an outside ticket a short digest of its name."""
    if event_id is not None:
        return event_id
    return "#" + hashlib.sha256(event.encode()).hexdigest()[:16]


def sign(ticket: Ticket) -> str:
    """The QR text of a ticket, signed with the first key. The same ticket at the same version: the same text."""
    key_id, private = next(iter(_private_keys(tuple(settings.TICKET_KEYS)).items()))
    event = event_reference(event_id=ticket.event_id, event=ticket.event)
    payload = [ticket.external_id, event, ticket.seat_id, ticket.generation, ticket.version]
    packed = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    signed = f"{PREFIX}.{key_id}.{_encode(packed)}"
    return f"{signed}.{_encode(private.sign(signed.encode()))}"


def read(text: str) -> Claims:
    """The claims of a QR text that one of the keys has signed. Raises Forged."""
    text = text.strip()
    prefix, _, rest = text.partition(".")
    parts = rest.split(".")
    if prefix != PREFIX or len(parts) != 3 or len(text) > MAX_LENGTH or not text.isascii():
        raise Forged("not a ticket's QR")
    key_id, payload, signature = parts
    private = _private_keys(tuple(settings.TICKET_KEYS)).get(key_id)
    if private is None:
        raise Forged("signed with a key that is not ours")
    try:
        private.public_key().verify(_decode(signature), f"{PREFIX}.{key_id}.{payload}".encode())
        ticket, event, seat, generation, version = json.loads(_decode(payload))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Forged("the signature does not fit") from error
    return Claims(ticket, event, seat, generation, version, key_id)


def is_qr(text: str) -> bool:
    """Whether the text wants to be a QR of ours, genuine or not."""
    return text.strip().startswith(PREFIX + ".")


def public_keys() -> dict[str, str]:
    """The public keys by key id in base64, for gates that check without a network."""
    keys = _private_keys(tuple(settings.TICKET_KEYS))
    return {key_id: base64.b64encode(key.public_key().public_bytes_raw()).decode() for key_id, key in keys.items()}


@lru_cache(maxsize=4)
def _private_keys(entries: tuple[str, ...]) -> dict[str, Ed25519PrivateKey]:
    keys = {}
    for entry in entries:
        key_id, _, seed = entry.strip().partition(":")
        try:
            keys[key_id] = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed, validate=True))
        except ValueError as error:
            raise ImproperlyConfigured(
                f"BILLING_TICKET_KEYS: «{key_id}:…» must be a key id and 32 bytes in base64"
            ) from error
        if not key_id.isalnum():
            raise ImproperlyConfigured(f"BILLING_TICKET_KEYS: the key id «{key_id}» must be letters and digits")
    if not keys:
        raise ImproperlyConfigured("BILLING_TICKET_KEYS must name at least one key, «kid:base64 seed»")
    return keys


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
