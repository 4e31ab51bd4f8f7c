"""Healing a billing database that was promoted or restored: what to do, in order, while callers are kept out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError
from django.db.models import Max

from billing_site.healing.adopting import heal_order
from billing_site.payments import gateway
from billing_site.payments.gateway.base import LedgerCharge
from billing_site.payments.models import PaymentAttempt
from billing_site.tickets import generations
from billing_site.tickets.models import Ticket
from middleware_worker.contract.healing import ReservedOrder, reserved_orders
from middleware_worker.outbox import closing
from middleware_worker.outbox.other_site import OtherSite
from middleware_worker.outbox.transactions import retrying

CHUNK = 1000


@dataclass
class Healed:
    """The new generation, how much was read, and what people must look at."""

    generation: int = 0
    read: int = 0
    charges: int = 0
    reopened: int = 0
    problems: list[str] = field(default_factory=list)


def heal(*, since: datetime | None = None, by: str, wait: Callable[[float], object] = time.sleep) -> Healed:
    """Adopts what reservations was told and what the gateway's ledger says, then opens. Safe to run twice.

    `since` leaves out what is older than the backup anyway (default: everything that is kept). When it
    fails half way the site stays closed, and the next run begins anew.
    """
    other, found = OtherSite(), Healed()
    moment = since.isoformat() if since else ""
    closing.close(reason=f"heal, {by}")
    # The fence of the last healing, which this database may have forgotten: it never falls, so 1 only asks.
    fence = int(other.post("fence", {"generation": 1}).get("generation", 0))
    found.generation = generations.begin_next(by=by, reason="heal", above=fence)
    # Until every process has noticed both.
    wait(closing.KNOWN_EVERYWHERE_SECONDS)
    _lift_all(found.generation)
    # From here on reservations does not listen to the lost primary, so what it says it was told stays true.
    other.post("fence", {"generation": found.generation})
    charges = _ledger(since)
    found.charges = sum(len(some) for some in charges.values())
    for told in other.orders(reserved_orders, since=moment):
        found.read += 1
        code = told.order.order
        found.problems += _heal(told, code, charges.pop(code, ()))
    for code, some in charges.items():
        found.problems += _heal(None, code, some)
    found.reopened = int(other.post("reopen", {"since": moment or None}).get("reopened", 0))
    closing.open_again()
    return found


def _heal(told: ReservedOrder | None, code: str, charges: Sequence[LedgerCharge]) -> list[str]:
    try:
        return heal_order(told, code=code, charges=charges)
    except IntegrityError as error:
        # One order that cannot be stored, for its seat has another live ticket, does not keep the site closed.
        return [f"{code}: {error}"]


def _lift_all(generation: int) -> None:
    """Every ticket's version is newer than all that the lost primary ever gave out."""
    last = Ticket.objects.aggregate(last=Max("id"))["last"] or 0
    for start in range(0, last + 1, CHUNK):
        _lift(generation, start)


@retrying
def _lift(generation: int, start: int) -> None:
    rows = Ticket.objects.filter(id__gte=start, id__lt=start + CHUNK, generation__lt=generation)
    rows.update(generation=generation)


def _ledger(since: datetime | None) -> dict[str, list[LedgerCharge]]:
    """Captured charges by the code of their order."""
    every = list(gateway.configured().ledger(since=since))
    codes: dict[str, str] = {}
    for start in range(0, len(every), CHUNK):
        names = [charge.reference for charge in every[start : start + CHUNK]]
        rows = PaymentAttempt.objects.filter(reference__in=names).values_list("reference", "order__code")
        codes.update(rows)
    found: dict[str, list[LedgerCharge]] = {}
    for charge in every:
        found.setdefault(codes.get(charge.reference, charge.about), []).append(charge)
    return found
