"""The rule of healing, case by case; the same table as `healed` of the checked model."""

import itertools

import pytest

from billing_site.healing.judgement import Money, healed
from billing_site.tickets.models import Ticket

S = Ticket.Status
P = S.PENDING_PAYMENT


@pytest.mark.parametrize("status", [None, P])
def test_confirmed_and_captured_is_paid(status: str | None) -> None:
    assert healed(status, line="confirmed", money=Money.CAPTURED) == S.PAID


@pytest.mark.parametrize("status", [None, P])
@pytest.mark.parametrize("money", list(Money))
def test_released_and_unpaid_is_expired_whatever_the_ledger_says(status: str | None, money: Money) -> None:
    assert healed(status, line="released", money=money) == S.EXPIRED


@pytest.mark.parametrize("status", [None, P, S.PAID])
@pytest.mark.parametrize("money", list(Money))
def test_a_refund_that_was_told_stays_one(status: str | None, money: Money) -> None:
    assert healed(status, line="released", money=money, told="REFUNDED") == S.REFUNDED


@pytest.mark.parametrize("money", list(Money))
def test_released_and_paid_is_refunded(money: Money) -> None:
    assert healed(S.PAID, line="released", money=money) == S.REFUNDED


@pytest.mark.parametrize("line", ["held", "confirmed", None])
def test_paid_and_given_back_is_refunded(line: str | None) -> None:
    assert healed(S.PAID, line=line, money=Money.REFUNDED) == S.REFUNDED


@pytest.mark.parametrize("status", [None, P])
@pytest.mark.parametrize("line", ["held", "confirmed", None])
def test_unpaid_and_given_back_is_expired(status: str | None, line: str | None) -> None:
    assert healed(status, line=line, money=Money.REFUNDED) == S.EXPIRED


@pytest.mark.parametrize("line", ["held", None])
def test_pending_and_captured_is_paid(line: str | None) -> None:
    assert healed(P, line=line, money=Money.CAPTURED) == S.PAID


def test_everything_else_stays_as_it_is() -> None:
    lines, statuses = ("held", "confirmed", "released", None), (None, *S)
    stays = [
        (status, line, money)
        for status, line, money in itertools.product(statuses, lines, Money)
        if healed(status, line=line, money=money) == status
    ]
    final = {(s, line, money) for s in (S.USED, S.REFUNDED, S.EXPIRED) for line in lines for money in Money}
    unpaid = {(s, line, Money.NONE) for s in (None, P) for line in ("held", "confirmed", None)}
    paid = {(S.PAID, line, m) for line in ("held", "confirmed", None) for m in (Money.NONE, Money.CAPTURED)}
    assert set(stays) == final | unpaid | paid
