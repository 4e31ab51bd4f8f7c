"""The QR's text: what it says, who can make one, and what becomes of one that was changed."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from billing_site.tickets import signing
from billing_site.tickets.models import Ticket

SEED, OTHER_SEED = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


@pytest.fixture(autouse=True)
def _keys(settings) -> None:
    settings.TICKET_KEYS = [f"k1:{SEED}"]


def ticket(**changes) -> Ticket:
    fields = {"external_id": "TF-1", "event_id": 7, "event": "Rock", "seat_id": 9, "generation": 2, "version": 3}
    return Ticket(**{**fields, **changes})


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_genuine_code_says_ticket_event_seat_version_and_key() -> None:
    assert signing.read(signing.sign(ticket())) == signing.Claims("TF-1", 7, 9, 2, 3, "k1")


def test_the_same_ticket_has_the_same_code_every_time() -> None:
    assert signing.sign(ticket()) == signing.sign(ticket())


def test_an_outside_ticket_names_its_event_by_a_digest() -> None:
    claims = signing.read(signing.sign(ticket(external_id="EXT-ñ-🎫", event_id=None, seat_id=None)))
    assert claims.ticket == "EXT-ñ-🎫"
    assert claims.seat is None
    assert claims.event == signing.event_reference(event_id=None, event="Rock")
    assert claims.event != signing.event_reference(event_id=None, event="Rock 2")


@pytest.mark.parametrize("part", [0, 1, 2, 3])
def test_a_change_of_any_part_is_seen(part: int) -> None:
    parts = signing.sign(ticket()).split(".")
    parts[part] = ("A" if parts[part][0] != "A" else "B") + parts[part][1:]
    with pytest.raises(signing.Forged):
        signing.read(".".join(parts))


def test_a_code_for_another_seat_cannot_be_made_from_a_genuine_one() -> None:
    prefix, key, payload, signature = signing.sign(ticket()).split(".")
    claims = json.loads(decode(payload))
    claims[2] = 10
    changed = base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).rstrip(b"=").decode()
    with pytest.raises(signing.Forged):
        signing.read(f"{prefix}.{key}.{changed}.{signature}")


def test_a_code_of_an_unknown_key_is_refused(settings) -> None:
    text = signing.sign(ticket())
    settings.TICKET_KEYS = [f"k2:{OTHER_SEED}"]
    with pytest.raises(signing.Forged):
        signing.read(text)


def test_a_code_signed_under_the_name_of_another_key_is_refused(settings) -> None:
    settings.TICKET_KEYS = [f"k1:{OTHER_SEED}"]
    text = signing.sign(ticket())
    settings.TICKET_KEYS = [f"k1:{SEED}"]
    with pytest.raises(signing.Forged):
        signing.read(text)


def test_the_first_key_signs_and_the_old_one_is_still_accepted(settings) -> None:
    old = signing.sign(ticket())
    settings.TICKET_KEYS = [f"k2:{OTHER_SEED}", f"k1:{SEED}"]
    assert signing.read(old).key == "k1"
    assert signing.read(signing.sign(ticket())).key == "k2"


@given(st.text(max_size=300))
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    for attempt in (text, f"TF1.{text}", f"TF1.k1.{text}", f"TF1.k1.e30.{text}"):
        with pytest.raises(signing.Forged):
            signing.read(attempt)


def test_a_gate_with_the_public_key_can_check_and_a_changed_code_fails_there_too() -> None:
    text = signing.sign(ticket())
    signed, _, signature = text.rpartition(".")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(signing.public_keys()["k1"]))
    public.verify(decode(signature), signed.encode())
    with pytest.raises(InvalidSignature):
        public.verify(decode(signature), signed.replace("k1", "k2").encode())


def test_the_exported_keys_do_not_hold_the_seeds() -> None:
    assert SEED not in signing.public_keys().values()


@pytest.mark.parametrize("keys", [[], ["k1:short"], ["k1:!!!"], [f"k.1:{SEED}"], [f"k1:{SEED[:20]}"]])
def test_keys_that_are_none_are_named_by_the_setting(settings, keys: list[str]) -> None:
    settings.TICKET_KEYS = keys
    with pytest.raises(ImproperlyConfigured, match="BILLING_TICKET_KEYS"):
        signing.sign(ticket())


def test_wrong_keys_stop_the_site_at_its_start(settings) -> None:
    settings.TICKET_KEYS = ["k1:short"]
    with pytest.raises(ImproperlyConfigured, match="BILLING_TICKET_KEYS"):
        apps.get_app_config("tickets").ready()
