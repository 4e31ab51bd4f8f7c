"""What a ticket becomes when billing heals: a pure rule, the same as `healed` in the checked model of the protocol.

docs/architecture.md says why; each line here is a case that breaks an invariant when it is left out.
"""

from enum import StrEnum

from billing_site.tickets.models import Ticket

Status = Ticket.Status


class Money(StrEnum):
    """What the gateway's ledger says of a ticket's price."""

    NONE = "none"
    CAPTURED = "captured"
    REFUNDED = "refunded"


def healed(status: str | None, *, line: str | None, money: Money, told: str = "") -> str | None:
    """The ticket's status after healing; None: billing does not know it, and need not yet.

    `line` is what reservations made of all that the lost billing had told it (held, confirmed, released);
    None for a ticket of an outside seller, of which reservations knows nothing. `told` is the last status that
    it was told: a refund that staff were promised stays one, and is to the rule what EXPIRED is, an end.
    """
    unpaid = status in (None, Status.PENDING_PAYMENT)
    if line == "confirmed" and unpaid and money == Money.CAPTURED:
        # Reservations was told that it is paid, and the money is there.
        return Status.PAID
    if line == "released" and unpaid:
        # The seat is free, and maybe another's by now. Money that is there goes back.
        return Status.REFUNDED if told == Status.REFUNDED else Status.EXPIRED
    if line == "released" and status == Status.PAID:
        return Status.REFUNDED
    if status == Status.PAID and money == Money.REFUNDED:
        return Status.REFUNDED
    if unpaid and money == Money.REFUNDED:
        # It was paid and given back; never to be paid again.
        return Status.EXPIRED
    if unpaid and money == Money.CAPTURED:
        # Paid, but reservations has not heard of it. One that billing does not know is brought by reservations.
        return Status.PAID
    return status
