"""What billing needs of a payment gateway, and no more, so that another one takes a day to fit in.

Every call names its charge or refund by a reference of ours, which makes it once however often it is asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Outcome(StrEnum):
    """What became of a charge or a refund; for a refund `captured` reads: the money is back."""

    CAPTURED = "captured"
    DECLINED = "declined"
    # Nobody can say now: the answer was lost. Ask again.
    UNKNOWN = "unknown"
    # The gateway has never heard of the reference. Not final while a charge may still be on its way.
    NOT_FOUND = "not_found"


class GatewayUnreachable(Exception):
    """The request did not leave this machine: nothing was started, no money has moved."""


@dataclass(frozen=True)
class Card:
    """Held in memory for one call; only the last four digits are ever stored."""

    number: str = field(repr=False)
    expiry: str = field(repr=False, default="")
    cvv: str = field(repr=False, default="")

    @property
    def last4(self) -> str:
        return self.number[-4:]


@dataclass(frozen=True)
class Result:
    outcome: Outcome
    # The gateway's own word for what happened, for staff.
    reason: str = ""
    # Of the card, where only the gateway saw it.
    last4: str = ""


@dataclass(frozen=True)
class Form:
    """The gateway's own page for one payment, and the token that names the payment there."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class LedgerRefund:
    """Money that went back. `about` is the ticket, "" for a whole charge that paid for nothing."""

    reference: str
    amount: int
    about: str = ""


@dataclass(frozen=True)
class LedgerCharge:
    """Money that was captured, and what of it went back. `about` is the order's code."""

    reference: str
    amount: int
    at: datetime
    about: str = ""
    refunds: tuple[LedgerRefund, ...] = ()

    @property
    def kept(self) -> int:
        return self.amount - sum(refund.amount for refund in self.refunds)


class Gateway(Protocol):
    """`about` is kept in the gateway's ledger: a billing that lost its own rows finds there what was paid."""

    name: str

    def charge(self, *, reference: str, amount: int, card: Card, about: str = "") -> Result:
        """Takes whole pesos from a card: captured, declined or unknown. Raises GatewayUnreachable."""

    def lookup(self, *, reference: str) -> Result:
        """What became of a charge; unknown when the gateway cannot be asked."""

    def refund(self, *, reference: str, charge: str, amount: int, about: str = "") -> Result:
        """Gives whole pesos of a charge back: captured (done), declined or unknown."""

    def ledger(self, *, since: datetime | None = None) -> Iterable[LedgerCharge]:
        """Every captured charge that moved since (or was refunded), with all its refunds. Raises GatewayUnreachable."""


@runtime_checkable
class FormGateway(Gateway, Protocol):
    """A gateway that takes the card on a page of its own; money moves only when the charge is committed."""

    def open_form(self, *, reference: str, amount: int) -> Form:
        """A page where the buyer pays whole pesos. Raises GatewayUnreachable: then nobody can pay there."""

    def session(self, reference: str) -> str:
        """What the gateway gives back beside the reference of a charge."""

    def commit(self, *, reference: str) -> Result:
        """Takes the money that the buyer agreed to. Once a reference, however often it is asked."""
