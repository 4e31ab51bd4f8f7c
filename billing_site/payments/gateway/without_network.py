"""A gateway that asks nobody: for orders that cost nothing, and for the buyers of the demo."""

from collections.abc import Iterable
from datetime import datetime

from billing_site.payments.gateway.base import Card, LedgerCharge, Outcome, Result


class CertainGateway:
    """Every charge and every refund succeeds at once; no money exists."""

    name = "demo"

    def charge(self, *, reference: str, amount: int, card: Card, about: str = "") -> Result:
        return Result(Outcome.CAPTURED)

    def lookup(self, *, reference: str) -> Result:
        return Result(Outcome.CAPTURED)

    def refund(self, *, reference: str, charge: str, amount: int, about: str = "") -> Result:
        return Result(Outcome.CAPTURED)

    def ledger(self, *, since: datetime | None = None) -> Iterable[LedgerCharge]:
        return ()
