"""The contract: what a new_ticket may be, RUTs, and service credentials."""

import contextlib
import json
import math
import time
from decimal import Decimal
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest

from middleware_worker import new_tickets
from middleware_worker.contract import credentials
from middleware_worker.contract.messages import MAX_PRICE, NewTicket, OutsideTicket
from middleware_worker.contract.rut import InvalidRut, check_digit, format_rut, parse_rut
from middleware_worker.new_tickets import Unusable

RUTS = st.integers(1, 99_999_999)
PRICES = st.integers(0, MAX_PRICE)
WORDS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=100).filter(lambda t: t == t.strip())
IDS = WORDS.filter(lambda t: not t.upper().startswith("TF-"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(id=IDS, rut=RUTS, price=PRICES, event=WORDS, as_text=st.booleans(), extra=st.dictionaries(st.text(), JSON))
def test_a_good_ticket_in_either_spelling_is_read_and_unknown_fields_are_ignored(
    id, rut, price, event, as_text, extra
) -> None:
    fields = {"id": id, "rut": str(rut) if as_text else rut, "price": f"{price}.00" if as_text else float(price)}
    found = new_tickets.parse(json.dumps({**_plain(extra), **fields, "event": event}).encode())
    assert found == NewTicket(id=id, rut=rut, price=price, event=event)


def _plain(extra: dict[str, Any]) -> dict[str, Any]:
    """Without NaN and Infinity, which are no JSON wherever they stand."""
    try:
        json.dumps(extra, allow_nan=False)
    except ValueError:
        return {}
    return extra


def outcome(body: bytes) -> NewTicket | Unusable:
    try:
        return new_tickets.parse(body)
    except Unusable as unusable:
        return unusable


@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_ticket_or_unusable_with_a_reason_that_can_be_sent(body) -> None:
    found = outcome(body)
    assert found.rut if isinstance(found, NewTicket) else found.reason.encode("utf-8")


@given(fields=st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "rut", "price", "event"), JSON)))
def test_any_values_in_our_fields_are_a_ticket_or_unusable_and_name_the_field(fields) -> None:
    found = outcome(json.dumps(fields).encode())
    if isinstance(found, NewTicket):
        assert new_tickets.as_message(found)["type"] == "ticket.outside"
    else:
        assert found.field in {"id", "rut", "price", "event"} or found.code == "not_json"


@given(price=st.decimals() | st.floats())
def test_a_price_is_whole_pesos_within_bounds_or_refused(price) -> None:
    fields = {"id": "A", "rut": 1, "event": "E", "price": str(price) if isinstance(price, Decimal) else price}
    good = _is_finite(price) and 0 <= price <= MAX_PRICE and price == int(price)
    try:
        assert NewTicket.model_validate(fields).price == price
    except ValueError:
        assert not good or len(str(price)) > 40


def _is_finite(price: Decimal | float) -> bool:
    return price.is_finite() if isinstance(price, Decimal) else math.isfinite(price)


@pytest.mark.parametrize("id", ["TF-1", "tf-1", "Tf-x", "x" * 129, "", " a", "a ", "a\tb", "a\x7f", None, 5])
def test_an_id_of_ours_or_of_no_use_is_refused(id: Any) -> None:
    with pytest.raises(ValueError, match="id"):
        NewTicket.model_validate({"id": id, "rut": 1, "price": 1, "event": "E"})


def test_other_content_has_another_digest() -> None:
    base = {"id": "A", "rut": 1, "price": 1, "event": "E"}
    digests = {OutsideTicket(**{**base, **other}).digest() for other in ({}, {"rut": 2}, {"price": 2}, {"event": "F"})}
    assert len(digests) == 4
    assert OutsideTicket(**base).digest() == OutsideTicket(**{**base, "id": "B"}).digest()


@given(number=RUTS)
def test_a_rut_is_read_as_it_is_shown_and_any_other_check_digit_is_refused(number) -> None:
    assert parse_rut(format_rut(number)) == number
    for digit in set("0123456789K") - {check_digit(number)}:
        with pytest.raises(InvalidRut):
            parse_rut(f"{number}-{digit}")


@pytest.mark.parametrize(("number", "digit"), [(12345678, "5"), (11111111, "1"), (6, "K"), (7, "8"), (20347878, "K")])
def test_known_check_digits(number: int, digit: str) -> None:
    assert check_digit(number) == digit


@given(text=st.text())
def test_any_text_is_a_rut_or_invalid(text) -> None:
    with contextlib.suppress(InvalidRut):
        assert 1 <= parse_rut(text) <= 99_999_999


KEYS = {"worker": ["new-key-0000000000000000000000000000", "old-key-0000000000000000000000000000"]}


def signed(key: str = KEYS["worker"][0], algorithm: str = "HS256", **claims: Any) -> str:
    now = int(time.time())
    whole = {"iss": "worker", "aud": "billing", "iat": now, "exp": now + 60, **claims}
    return jwt.encode({name: value for name, value in whole.items() if value is not None}, key, algorithm=algorithm)


def check(token: str, audience: str = "billing") -> str:
    return credentials.verify(token, audience=audience, keys=KEYS)


@pytest.mark.parametrize("key", KEYS["worker"])
def test_either_of_two_keys_is_accepted(key: str) -> None:
    assert check(credentials.issue(caller="worker", audience="billing", key=key)) == "worker"


def test_a_credential_for_another_site_is_refused() -> None:
    with pytest.raises(credentials.InvalidCredential, match="Audience"):
        check(signed(), audience="reservations")


def test_a_clock_two_minutes_off_is_accepted_and_three_are_not() -> None:
    now = int(time.time())
    assert check(signed(iat=now - 180, exp=now - 120)) == "worker"
    assert check(signed(iat=now + 120, exp=now + 180)) == "worker"
    with pytest.raises(credentials.InvalidCredential, match="expired"):
        check(signed(iat=now - 240, exp=now - 180))
    with pytest.raises(credentials.InvalidCredential, match="not yet valid"):
        check(signed(iat=now + 180, exp=now + 240))


@pytest.mark.parametrize("claims", [{"iss": "portal"}, {"iss": None}, {"exp": None}, {"iat": None}, {"aud": None}])
def test_an_unknown_caller_or_a_missing_claim_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(credentials.InvalidCredential):
        check(signed(**claims))


def test_a_credential_without_a_signature_is_refused() -> None:
    with pytest.raises(credentials.InvalidCredential):
        check(signed(key="", algorithm="none"))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "a" * 10_000])
def test_garbage_is_no_credential(token: str) -> None:
    with pytest.raises(credentials.InvalidCredential):
        check(token)


def test_one_callers_key_does_not_speak_for_another() -> None:
    keys = {**KEYS, "portal": ["portal-key-00000000000000000000000000"]}
    with pytest.raises(credentials.InvalidCredential):
        credentials.verify(signed(key=keys["portal"][0]), audience="billing", keys=keys)


def test_keys_are_read_and_what_is_wrong_is_named() -> None:
    assert credentials.parse_keys(["a:1234567890123456", "a:abcdefghijklmnop"]) == {
        "a": ["1234567890123456", "abcdefghijklmnop"]
    }
    for wrong in (["a"], ["a:short"], [":1234567890123456"], [f"a:{n}234567890123456" for n in range(3)]):
        with pytest.raises(ValueError, match="key"):
            credentials.parse_keys(wrong)


def test_a_session_renews_its_credential_before_it_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = credentials.ServiceAuth(caller="worker", audience="billing", key=KEYS["worker"][0])
    clock = [1000.0]
    monkeypatch.setattr(credentials.time, "monotonic", lambda: clock[0])
    issued: list[int] = []
    monkeypatch.setattr(credentials, "issue", lambda **_how: issued.append(1) or "token")
    for seconds in (0, 10, 29, 31):
        clock[0] = 1000.0 + seconds
        request = PreparedRequest()
        request.headers = {}
        assert auth(request).headers["Authorization"] == "Service token"
    assert len(issued) == 2
