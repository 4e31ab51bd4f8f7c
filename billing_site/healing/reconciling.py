"""Comparing both sides page by page: what differs although nothing about it is on its way."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from billing_site.healing.adopting import announce
from billing_site.tickets import locks
from billing_site.tickets.models import Order, Ticket
from middleware_worker.contract.healing import ReservedOrder, reserved_orders
from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.other_site import PAGE, OtherSite
from middleware_worker.outbox.transactions import retrying

Status = Ticket.Status
LINES = {
    Status.PENDING_PAYMENT: "held",
    Status.PAID: "confirmed",
    Status.USED: "confirmed",
    Status.REFUNDED: "released",
    Status.EXPIRED: "released",
}


class Difference(NamedTuple):
    """`kind`: missing_in_billing, state, forgotten_by_billing, missing_in_reservations; `repaired`: will be carried."""

    kind: str
    order: str
    detail: str
    repaired: bool = False


def reconcile(*, repair: bool = False) -> Iterator[Difference]:
    """Every difference that is not on its way. `repair` has missing orders and newer states carried again.

    What only healing can mend (`forgotten_by_billing`: heal; `missing_in_reservations`: adopt) is reported.
    """
    other = OtherSite()
    for told in other.orders(reserved_orders):
        if told.open or _is_on_its_way(told.order.order):
            continue
        found = _compare(told)
        if found is None:
            continue
        if repair and found.kind == "missing_in_billing":
            found = found._replace(repaired=bool(other.post("reopen", {"orders": [found.order]}).get("reopened")))
        if repair and found.kind == "state":
            found = found._replace(repaired=_tell_again(found.order))
        yield found
    yield from _missing_in_reservations(other)


def _compare(told: ReservedOrder) -> Difference | None:
    code = told.order.order
    tickets = {t.external_id: t for t in Ticket.objects.filter(order__code=code)}
    if missing := [line.ticket for line in told.lines if line.ticket not in tickets]:
        return Difference("missing_in_billing", code, ", ".join(missing))
    for line in told.lines:
        ticket = tickets[line.ticket]
        if line.version > (ticket.generation, ticket.version):
            return Difference("forgotten_by_billing", code, f"{line.ticket}: reservations was told {line.status}")
        if line.line != LINES[Status(ticket.status)]:
            return Difference("state", code, f"{line.ticket}: {ticket.status}, but its line is {line.line}")
    return None


@retrying
def _tell_again(code: str) -> bool:
    order = locks.order_by_code(code)
    if order is None:
        return False
    announce(order, locks.tickets_of(order))
    return True


def _missing_in_reservations(other: OtherSite) -> Iterator[Difference]:
    last = 0
    while page := _codes(after=last):
        last = page[-1][0]
        for code in other.post("unknown", {"codes": [code for _id, code in page]}).get("unknown", []):
            yield Difference("missing_in_reservations", str(code), "")


def _codes(*, after: int) -> Sequence[tuple[int, str]]:
    rows = Order.objects.filter(source=Order.Source.RESERVATIONS, id__gt=after).order_by("id")
    return list(rows.values_list("id", "code")[:PAGE])


def _is_on_its_way(code: str) -> bool:
    unsettled = OutboxMessage.objects.exclude(state=OutboxMessage.State.RECEIPTED)
    return unsettled.filter(aggregate=code).exists()
