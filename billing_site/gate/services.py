"""Letting in through a gate's device: asked while there is a network, told afterwards while there was none."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from billing_site.gate.models import Entry
from billing_site.tickets import audit, locks
from billing_site.tickets import scan as scans
from billing_site.tickets import services as tickets
from billing_site.tickets.models import Ticket
from billing_site.tickets.scan import GateEvent, Scan
from middleware_worker.outbox.transactions import retrying

Outcome = Entry.Outcome
OUTCOMES: Mapping[str, Entry.Outcome] = {
    "already_used": Outcome.DOUBLE,
    "refunded": Outcome.REFUNDED,
    "not_paid": Outcome.NOT_PAID,
    "expired": Outcome.EXPIRED,
    "other_event": Outcome.OTHER_EVENT,
}


class ReusedId(Exception):
    """The entry's id already stands for the entry of another ticket."""


@dataclass(frozen=True)
class Act:
    """What a device does: `id` is its own, made once an attempt; `at` by billing's clock."""

    id: uuid.UUID
    device: uuid.UUID
    gate: str
    event: GateEvent
    at: datetime
    scanned_at: datetime
    scanned_by: str = ""
    listed: bool = True


def ask(*, text: str, act: Act, by: str) -> Scan:
    """The answer to a scan. Asked again with the same id after a lost answer, it is the same one."""
    return scans.scan(text=text, event=act.event, gate=act.gate, by=by, admit=partial(_admit, act=act))


@retrying
def _admit(*, ticket: str, event: int | str | None, gate: str, by: str, act: Act) -> Ticket:
    found = locks.ticket_with_order(ticket)
    known = _known(act, found[1] if found else None)
    if known is not None and known.outcome == Outcome.IN and known.ticket is not None:
        return known.ticket
    row = tickets.check_in(ticket=ticket, event=event, gate=gate, by=by)
    _write(act, row, named=row.external_id, outcome=Outcome.IN, by=by, offline=False)
    return row


def tell(*, act: Act, ticket: str, by: str) -> Entry:
    """Records that a device without network let the holder of a ticket in, whatever billing thinks of it.

    `ticket` is its external id. The first one becomes the ticket's admission; every other is a conflict
    that is reported. Told again with the same id, it is the same entry. Raises ReusedId.
    """
    try:
        return _tell(act=act, ticket=ticket, by=by)
    except IntegrityError:
        # Two told the same id at once, of a ticket that has no row to lock.
        known = _known(act, None)
        if known is None:
            raise
        return known


@retrying
def _tell(*, act: Act, ticket: str, by: str) -> Entry:
    found = locks.ticket_with_order(ticket)
    row = found[1] if found else None
    known = _known(act, row)
    if known is not None:
        return known
    if row is None:
        return _write(act, None, named=ticket, outcome=Outcome.UNKNOWN, by=by, offline=True)
    try:
        tickets.check_in(ticket=ticket, event=act.event.for_ticket(row), gate=act.gate, by=by, at=act.at)
        outcome = Outcome.IN
    except tickets.CheckInRefused as refusal:
        outcome = OUTCOMES[refusal.code]
    return _write(act, row, named=row.external_id, outcome=outcome, by=by, offline=True)


def _known(act: Act, ticket: Ticket | None) -> Entry | None:
    known = Entry.objects.select_related("ticket").filter(uuid=act.id).first()
    if known is not None and ticket is not None and known.ticket_id != ticket.pk:
        raise ReusedId(str(act.id))
    return known


def _write(act: Act, ticket: Ticket | None, *, named: str, outcome: Entry.Outcome, by: str, offline: bool) -> Entry:
    with transaction.atomic():
        entry = Entry.objects.create(
            uuid=act.id,
            ticket=ticket,
            named=named[:128],
            event=act.event.name[:200],
            device=act.device,
            gate=act.gate[:60],
            by=by[:120],
            scanned_by=act.scanned_by[:120],
            at=act.at,
            scanned_at=act.scanned_at,
            received_at=timezone.now(),
            offline=offline,
            listed=act.listed,
            outcome=outcome,
        )
    audit.record(
        "gate.entry" if outcome == Outcome.IN else "gate.conflict",
        by=by,
        order=ticket.order if ticket else None,
        ticket=ticket,
        reason=act.gate,
        detail={
            "entry": str(act.id),
            "device": str(act.device),
            "gate": act.gate,
            "at": act.at.isoformat(),
            "scanned_by": act.scanned_by,
            "offline": offline,
            "listed": act.listed,
            "outcome": outcome.value,
            **({} if ticket else {"named": named[:128]}),
        },
    )
    return entry
