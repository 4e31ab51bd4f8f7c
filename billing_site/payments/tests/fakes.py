"""A gateway for tests, without a network. `test_gateway.py` runs the same tests on it and on the real process."""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache

from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import (
    Card,
    GatewayUnreachable,
    LedgerCharge,
    LedgerRefund,
    Outcome,
    Result,
)

UNREACHABLE = "4000000000009995"


class FakeGateway:
    """Answers by the same card numbers as the simulator, plus one that is never reached."""

    name = "simulator"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.charges: dict[str, tuple[int, str, Outcome]] = {}
        self.refunds: dict[str, tuple[str, int, Outcome]] = {}
        self.late: set[str] = set()
        self.about: dict[str, str] = {}
        self.calls: list[str] = []
        # A test may run something while the gateway is being asked.
        self.before_answer: Callable[[], None] = lambda: None

    @property
    def captured(self) -> int:
        return sum(amount for amount, _card, outcome in self.charges.values() if outcome == Outcome.CAPTURED)

    @property
    def refunded(self) -> int:
        return sum(amount for _charge, amount, outcome in self.refunds.values() if outcome == Outcome.CAPTURED)

    def capture_late_ones(self) -> None:
        """What was on its way arrives."""
        self.late.clear()

    def charge(self, *, reference: str, amount: int, card: Card, about: str = "") -> Result:
        with self._lock:
            self.calls.append(f"charge {reference}")
            self.about.setdefault(reference, about)
            if card.number == UNREACHABLE:
                raise GatewayUnreachable("connection refused")
            is_new = reference not in self.charges
            if is_new and card.number != simulator.SWALLOWS:
                reason = simulator.REASONS.get(card.number, "")
                self.charges[reference] = (amount, card.number, Outcome.DECLINED if reason else Outcome.CAPTURED)
                if card.number == simulator.LATE:
                    self.late.add(reference)
        self.before_answer()
        if card.number in {simulator.SWALLOWS, simulator.LATE}:
            return Result(Outcome.UNKNOWN)
        if is_new and card.number in {simulator.SLOW, simulator.DIES}:
            return Result(Outcome.UNKNOWN)
        return Result(self.charges[reference][2], simulator.REASONS.get(card.number, ""))

    def lookup(self, *, reference: str) -> Result:
        self.calls.append(f"lookup {reference}")
        if reference not in self.charges or reference in self.late:
            return Result(Outcome.NOT_FOUND)
        return Result(self.charges[reference][2])

    def refund(self, *, reference: str, charge: str, amount: int, about: str = "") -> Result:
        with self._lock:
            self.calls.append(f"refund {reference}")
            self.about.setdefault(reference, about)
            if reference in self.refunds:
                return Result(self.refunds[reference][2])
            paid, card, outcome = self.charges.get(charge, (0, "", Outcome.DECLINED))
            back = sum(a for c, a, o in self.refunds.values() if c == charge and o == Outcome.CAPTURED)
            refused = outcome != Outcome.CAPTURED or card == simulator.NO_REFUND or back + amount > paid
            self.refunds[reference] = (charge, amount, Outcome.DECLINED if refused else Outcome.CAPTURED)
        return Result(Outcome.UNKNOWN) if card == simulator.SLOW_REFUND else Result(self.refunds[reference][2])

    def ledger(self, *, since: datetime | None = None) -> Iterable[LedgerCharge]:
        now = datetime.now(UTC)
        for reference, (amount, _card, outcome) in self.charges.items():
            back = tuple(
                LedgerRefund(name, returned, self.about.get(name, ""))
                for name, (charge, returned, done) in self.refunds.items()
                if charge == reference and done == Outcome.CAPTURED
            )
            if outcome == Outcome.CAPTURED:
                yield LedgerCharge(reference, amount, now, self.about.get(reference, ""), back)


@cache
def the_gateway() -> FakeGateway:
    """The one of this process; what settings.GATEWAY names."""
    return FakeGateway()
