"""The client of the gateway simulator (`simulator.py`), over HTTP with a short time-out."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import requests
from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from billing_site.payments.gateway.base import (
    Card,
    GatewayUnreachable,
    LedgerCharge,
    LedgerRefund,
    Outcome,
    Result,
)

KEY_HEADER = "X-Api-Key"
CONNECT_SECONDS = 2


class SimulatedGateway:
    name = "simulator"

    def charge(self, *, reference: str, amount: int, card: Card, about: str = "") -> Result:
        body = {
            "reference": reference,
            "amount": amount,
            "card_number": card.number,
            "card_expiry": card.expiry,
            "card_cvv": card.cvv,
            "about": about,
        }
        try:
            return _result(_call("POST", "/charges", json=body))
        except requests.RequestException as error:
            if _never_left(error):
                raise GatewayUnreachable(str(error)) from error
            return Result(Outcome.UNKNOWN, _word(error))

    def lookup(self, *, reference: str) -> Result:
        try:
            return _result(_call("GET", f"/charges/{reference}"))
        except requests.RequestException as error:
            return Result(Outcome.UNKNOWN, _word(error))

    def refund(self, *, reference: str, charge: str, amount: int, about: str = "") -> Result:
        body = {"reference": reference, "charge": charge, "amount": amount, "about": about}
        try:
            return _result(_call("POST", "/refunds", json=body))
        except requests.RequestException as error:
            return Result(Outcome.UNKNOWN, _word(error))

    def ledger(self, *, since: datetime | None = None) -> Iterable[LedgerCharge]:
        try:
            response = _call("GET", "/ledger")
            response.raise_for_status()
            found = response.json()
        except requests.RequestException as error:
            raise GatewayUnreachable(str(error)) from error
        refunds: dict[str, list[LedgerRefund]] = {}
        moved: dict[str, float] = {row["reference"]: row["at"] for row in found["charges"]}
        for row in found["refunds"]:
            if row["outcome"] == Outcome.CAPTURED:
                back = LedgerRefund(row["reference"], row["amount"], row["about"])
                refunds.setdefault(row["charge"], []).append(back)
                moved[row["charge"]] = row["at"]
        for row in found["charges"]:
            at = datetime.fromtimestamp(row["at"], UTC)
            if row["outcome"] == Outcome.CAPTURED and (since is None or moved[row["reference"]] >= since.timestamp()):
                back_of = tuple(refunds.get(row["reference"], ()))
                yield LedgerCharge(row["reference"], row["amount"], at, row["about"], back_of)


def _call(method: str, path: str, **arguments: Any) -> requests.Response:
    with requests.Session() as session:
        # No proxy and no .netrc of whoever starts the site.
        session.trust_env = False
        return session.request(
            method,
            settings.GATEWAY_URL.rstrip("/") + path,
            headers={KEY_HEADER: settings.GATEWAY_KEY},
            timeout=(CONNECT_SECONDS, settings.GATEWAY_TIMEOUT_SECONDS),
            allow_redirects=False,
            **arguments,
        )


def _result(response: requests.Response) -> Result:
    """Only an answer in the gateway's own words counts; anything else leaves it unknown."""
    try:
        body = response.json()
        outcome, reason = Outcome(body["outcome"]), str(body.get("reason", ""))[:200]
    except (ValueError, KeyError, TypeError):
        return Result(Outcome.UNKNOWN, f"HTTP {response.status_code}")
    expected = {200: True, 404: outcome == Outcome.NOT_FOUND}.get(response.status_code, False)
    return Result(outcome, reason) if expected else Result(Outcome.UNKNOWN, f"HTTP {response.status_code}")


def _never_left(error: requests.RequestException) -> bool:
    """Whether no connection came about: then nothing was sent. A connection that broke later may have been used."""
    cause: Any = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), NewConnectionError | ConnectTimeoutError)


def _word(error: requests.RequestException) -> str:
    return type(error).__name__
