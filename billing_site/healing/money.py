"""What the gateway's ledger says of an order, beside what billing still has of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from billing_site.healing.judgement import Money
from billing_site.payments import gateway
from billing_site.payments.gateway.base import LedgerCharge, LedgerRefund
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.tickets.models import Order, Ticket


@dataclass(frozen=True)
class Ledger:
    """The captured charges of one order, oldest first."""

    charges: Sequence[LedgerCharge]

    @cached_property
    def known_refunds(self) -> dict[str, Refund]:
        names = [refund.reference for charge in self.charges for refund in charge.refunds]
        return {r.reference: r for r in Refund.objects.filter(reference__in=names).select_related("ticket")}

    @cached_property
    def settled(self) -> set[str]:
        """Charges of which billing still knows that they came too late and go back whole."""
        names = [charge.reference for charge in self.charges]
        late = Refund.objects.filter(attempt__reference__in=names, ticket=None)
        return set(late.values_list("attempt__reference", flat=True))

    @cached_property
    def paying(self) -> LedgerCharge | None:
        """The charge that paid the order: of those that did not go back whole the first, else the first of all."""
        some = [charge for charge in self.charges if charge.reference not in self.settled]
        return next((charge for charge in some if charge.kept > 0), some[0] if some else None)

    def ticket_of(self, refund: LedgerRefund) -> str:
        """The ticket whose money went back, "" for a whole charge."""
        known = self.known_refunds.get(refund.reference)
        return known.ticket.external_id if known is not None and known.ticket is not None else refund.about

    def refund_of(self, external_id: str) -> LedgerRefund | None:
        found = (refund for charge in self.charges for refund in charge.refunds)
        return next((refund for refund in found if self.ticket_of(refund) == external_id), None)

    def says(self, external_id: str) -> Money:
        if self.paying is None:
            return Money.NONE
        gone = self.paying.kept <= 0 or self.refund_of(external_id) is not None
        return Money.REFUNDED if gone else Money.CAPTURED


def adopt_attempt(charge: LedgerCharge, *, order: Order) -> PaymentAttempt:
    """The attempt of a captured charge, made again when billing lost it; its order is locked."""
    found, _made = PaymentAttempt.objects.get_or_create(
        reference=charge.reference,
        defaults={
            "order": order,
            "gateway": gateway.configured().name,
            "amount": charge.amount,
            "created_at": charge.at,
            "status": PaymentAttempt.Status.CAPTURED,
            "settled_at": charge.at,
        },
    )
    if found.status != PaymentAttempt.Status.CAPTURED:
        found.status, found.error, found.settled_at = PaymentAttempt.Status.CAPTURED, "", charge.at
        found.save(update_fields=["status", "error", "settled_at"])
    return found


def adopt_refunds(ledger: Ledger, charge: LedgerCharge, attempt: PaymentAttempt, tickets: Sequence[Ticket]) -> None:
    """Refunds that the gateway made and billing forgot are done; nobody asks for them a second time."""
    by_id = {ticket.external_id: ticket for ticket in tickets}
    for refund in charge.refunds:
        if refund.reference in ledger.known_refunds:
            continue
        ticket = by_id.get(ledger.ticket_of(refund))
        about = Refund.objects.filter(ticket=ticket) if ticket else Refund.objects.filter(attempt=attempt, ticket=None)
        done = {
            "reference": refund.reference,
            "amount": refund.amount,
            "status": Refund.Status.DONE,
            "done_at": charge.at,
            "attempt": attempt,
        }
        # One that is still due under another reference has been made: it takes the gateway's name.
        if not about.update(**done):
            Refund.objects.create(ticket=ticket, reason="heal", by="heal", **done)


def give_back(attempt: PaymentAttempt, ticket: Ticket) -> None:
    """The price of a ticket that nobody can use any more goes back, unless it does already."""
    if ticket.price and not Refund.objects.filter(ticket=ticket).exists():
        Refund.objects.create(attempt=attempt, ticket=ticket, amount=ticket.price, reason="heal", by="heal")
