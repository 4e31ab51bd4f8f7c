"""One field that finds an order, a ticket or a person by whatever a customer has at hand."""

from dataclasses import dataclass, field
from typing import TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from billing_site.accounts.claims import as_stored
from billing_site.accounts.models import Person
from billing_site.accounts.rut_search import ruts_meant
from billing_site.tickets.models import Order, Ticket

Row = TypeVar("Row", Order, Ticket, Person)
MOST = 25
# The beginning of a ticket's number that is looked for; a shorter one is a word.
SHORTEST = 6


@dataclass
class Found:
    orders: list[Order] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    more: bool = False

    @property
    def count(self) -> int:
        return len(self.orders) + len(self.tickets) + len(self.people)


def may_search(user: Person | AnonymousUser) -> bool:
    """Whether there is anything that this person may find."""
    return any(user.has_perm(name) for name in ("tickets.view_order", "tickets.view_ticket", "accounts.view_person"))


def search(text: str, *, user: Person | AnonymousUser) -> Found:
    """What the text names, among what the person may see: an exact code first, then RUT, mail, words of a name."""
    text = text.strip()
    if not text or "\x00" in text:
        return Found()
    orders = Order.objects.select_related("person").order_by("-id")
    tickets = Ticket.objects.order_by("-id")
    found = Found()
    if user.has_perm("tickets.view_order"):
        found.orders = list(orders.filter(code__in={text, as_stored(text)}))
    if user.has_perm("tickets.view_ticket") and not found.orders:
        found.tickets = list(tickets.filter(external_id__in={text, text.lower().replace("tf-", "TF-", 1)}))
    if found.count:
        return found
    ruts, is_mail = ruts_meant(text), "@" in text
    if user.has_perm("tickets.view_order"):
        found.orders = _some(orders.filter(_order(text, ruts, is_mail)), found)
    if user.has_perm("tickets.view_ticket") and len(text) >= SHORTEST and not is_mail:
        found.tickets = _some(tickets.filter(external_id__startswith=text), found)
    if user.has_perm("accounts.view_person"):
        found.people = _some(Person.objects.filter(_person(text, ruts, is_mail)).order_by("-created_at"), found)
    return found


def _order(text: str, ruts: set[int], is_mail: bool) -> Q:
    if ruts:
        return Q(person__in=ruts)
    if is_mail:
        return Q(email__in={text, text.lower()})
    words = Q()
    for word in text.split():
        words &= Q(name__icontains=word) | Q(person__full_name__icontains=word)
    return words


def _person(text: str, ruts: set[int], is_mail: bool) -> Q:
    if ruts:
        return Q(rut__in=ruts)
    if is_mail:
        return Q(email__in={text, text.lower()})
    words = Q()
    for word in text.split():
        words &= Q(full_name__icontains=word)
    return words


def _some(rows: QuerySet[Row], found: Found) -> list[Row]:
    some = list(rows[: MOST + 1])
    found.more = found.more or len(some) > MOST
    return some[:MOST]
