"""Which orders a person may see, and what proves that an order is theirs. See docs/decisions/0003-claims.md.

RUTs are public: that an order names a person's RUT proves nothing. What proves it is the order's booking
code (for an outside ticket its id), or a confirmed address that is the one given with the order.
"""

import re

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from billing_site.accounts import locks
from billing_site.accounts.models import Person
from billing_site.tickets import audit
from billing_site.tickets import locks as ticket_locks
from billing_site.tickets.models import Order
from middleware_worker.outbox.transactions import retrying

_BOOKING_CODE = re.compile(r"TF[0-9A-Z]{12}")
# Crockford's base32 has no such letters, because people misread them.
_MISREAD = str.maketrans("OIL", "011")


class NoSuchOrder(Exception):
    """No order of this person has the code; whether it is another's is not said."""


def as_stored(typed: str) -> str:
    """The code of an order as it is stored: a booking code however it was typed, an outside id byte by byte."""
    typed = typed.strip()
    booking = _booking_code(typed)
    # An outside seller may have an id that looks like a booking code of ours without its dashes.
    return typed if booking is None or Order.objects.filter(code=typed).exists() else booking


def _booking_code(typed: str) -> str | None:
    compact = re.sub(r"[\s\-‐–]", "", typed).upper()
    if not _BOOKING_CODE.fullmatch(compact):
        return None
    letters = compact[2:].translate(_MISREAD)
    return f"TF-{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def visible_orders(person: Person) -> Q:
    """The orders that a person may see, as a condition on Order."""
    own = Q(person=person)
    if person.verified_at:
        return own
    proven = Q(claimed_at__isnull=False)
    if person.email and person.email_confirmed_at:
        proven |= Q(email=person.email)
    return own & proven


def has_proof(person: Person) -> bool:
    """Whether the person has proven anything: by identity card, or at least one order."""
    return bool(person.verified_at) or Order.objects.filter(visible_orders(person)).exists()


@retrying
def claim(*, person: Person, code: str, by: str) -> Order:
    """Links the one order that the code proves to the person; raises NoSuchOrder unless it names their RUT."""
    order = ticket_locks.order_by_code(as_stored(code))
    if order is None or order.person_id != person.rut:
        raise NoSuchOrder
    holder = locks.person(person.rut)
    if holder is not None:
        note_proof(order=order, person=holder, by=by)
    return order


def note_proof(*, order: Order, person: Person, by: str) -> None:
    """Remembers on a locked order that the person, locked too, has proven it."""
    if order.claimed_at is None:
        order.claimed_at = timezone.now()
        order.save(update_fields=["claimed_at"])
        audit.record("order.claimed", by=by, order=order, person=person)
    if settings.CLAIM_VERIFIES and person.email_confirmed_at and not person.verified_at:
        person.verified_at, person.verified_by = timezone.now(), "claim"
        person.save(update_fields=["verified_at", "verified_by"])
        audit.record("person.verified", by=by, person=person, order=order, reason="BILLING_CLAIM_VERIFIES")
