"""What a refund of an event will do, how far it is, and what a person must look at."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models import Count, Min, Q, QuerySet, Sum

from billing_site.documents.models import Mail
from billing_site.event_refunds.models import EventRefund, OrderToEnd
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.tickets.models import Order, Ticket
from billing_site.tickets.signing import event_reference

Status = Ticket.Status
SHOWN = 100


class Subject(NamedTuple):
    """An event as staff choose it. `value` is its name in forms: the number, or «#» and a digest of the name."""

    event_id: int | None
    event: str
    starts_at: Any = None

    @property
    def value(self) -> str:
        return str(event_reference(event_id=self.event_id, event=self.event))


@dataclass
class Preview:
    """What would happen now. Money in whole pesos; seats are those that come free in reservations."""

    refunded: int = 0
    money: int = 0
    expired: int = 0
    used: int = 0
    paying: int = 0
    seats: int = 0
    orders: int = 0
    mails: int = 0
    without_mail: int = 0


@dataclass
class Report:
    """How far it is, and what came of it. Each list holds at most SHOWN rows, each count all."""

    total: int = 0
    settled: int = 0
    waiting: int = 0
    refunded: int = 0
    expired: int = 0
    money: int = 0
    returned: int = 0
    on_the_way: int = 0
    refused: int = 0
    looks: list[OrderToEnd] = field(default_factory=list)
    failed: list[Refund] = field(default_factory=list)
    failed_mails: list[Mail] = field(default_factory=list)
    used_count: int = 0
    look_count: int = 0
    failed_count: int = 0
    failed_mail_count: int = 0
    unreachable: int = 0

    @property
    def percent(self) -> int:
        return 100 * self.settled // self.total if self.total else 0

    @property
    def is_clean(self) -> bool:
        return not (self.look_count or self.failed_count or self.failed_mail_count or self.unreachable)


def subjects() -> list[Subject]:
    """Events with tickets that a refund would end, the next ones first."""
    rows = Ticket.objects.filter(status__in=[Status.PAID, Status.PENDING_PAYMENT]).order_by()
    found = rows.values_list("event_id", "event").annotate(starts_at=Min("order__starts_at"))
    named: dict[str, Subject] = {}
    for row in found:
        subject = Subject(*row)
        named.setdefault(subject.value, subject)
    return sorted(named.values(), key=lambda one: (one.starts_at is None, one.starts_at or 0, one.event))


def tickets_of(subject: Subject | EventRefund) -> QuerySet[Ticket]:
    """Tickets of the event. Of an outside one maybe too many: the database may take «feria» for «Feria»."""
    if subject.event_id is not None:
        return Ticket.objects.filter(event_id=subject.event_id)
    return Ticket.objects.filter(event_id=None, event=subject.event)


def preview(subject: Subject) -> Preview:
    """What would happen now to every ticket of the event."""
    found, orders = Preview(), set()
    columns = tickets_of(subject).filter(status__in=Ticket.LIVE).values_list(
        "status", "price", "order_id", "event", "seat_id"
    )  # fmt: skip
    paid_orders: Counter[int] = Counter()
    for status, price, order_id, event, seat_id in columns.iterator():
        if event != subject.event and subject.event_id is None:
            continue
        orders.add(order_id)
        if status == Status.USED:
            found.used += 1
            continue
        found.seats += seat_id is not None
        if status == Status.PENDING_PAYMENT:
            found.expired += 1
            continue
        found.refunded += 1
        found.money += int(price)
        paid_orders[order_id] += 1
    found.orders = len(orders)
    paying = PaymentAttempt.objects.filter(status__in=PaymentAttempt.OPEN).values_list("order_id", flat=True)
    found.paying = len(orders & set(paying))
    reachable = set(Order.objects.filter(_reachable(), tickets__in=tickets_of(subject)).values_list("id", flat=True))
    found.mails = sum(count for order_id, count in paid_orders.items() if order_id in reachable)
    found.without_mail = len(paid_orders.keys() - reachable)
    return found


def report(refund: EventRefund) -> Report:
    """How far the refund is and what came of it, as it is now."""
    rows = refund.orders.order_by()
    sums: dict[str, Any] = rows.aggregate(
        total=Count("id"),
        settled=Count("id", filter=~Q(status=OrderToEnd.Status.DUE)),
        waiting=Count("id", filter=Q(status=OrderToEnd.Status.DUE) & ~Q(note="")),
        refunded=Sum("refunded", default=0),
        expired=Sum("expired", default=0),
        used_count=Sum("used", default=0),
        money=Sum("money", default=0),
        look_count=Count("id", filter=Q(status=OrderToEnd.Status.LOOK)),
    )
    sums["money"] = int(sums["money"])
    orders = rows.values("order_id")
    refunds = Refund.objects.filter(ticket__order__in=orders, created_at__gte=refund.created_at)
    by_status = dict(refunds.order_by().values_list("status").annotate(Sum("amount")))
    failed = refunds.filter(status=Refund.Status.FAILED)
    mails = Mail.objects.filter(
        order__in=orders, kind="event_cancelled", created_at__gte=refund.created_at, status=Mail.Status.FAILED
    )
    done, refused = Refund.Status.DONE, Refund.Status.FAILED
    looks = refund.orders.filter(status=OrderToEnd.Status.LOOK).select_related("order__person")
    return Report(
        **sums,
        returned=int(by_status.get(done, 0)),
        refused=int(by_status.get(refused, 0)),
        on_the_way=int(sum(amount for status, amount in by_status.items() if status not in {done, refused})),
        looks=list(looks[:SHOWN]),
        failed=list(failed.select_related("attempt__order", "ticket").order_by("id")[:SHOWN]),
        failed_count=failed.count(),
        failed_mails=list(mails.select_related("order").order_by("id")[:SHOWN]),
        failed_mail_count=mails.count(),
        unreachable=rows.filter(refunded__gt=0).exclude(order__in=Order.objects.filter(_reachable())).count(),
    )


def holds_back(event_id: int, order: str) -> bool:
    """Whether what reservations asks for has to wait: the event's refund is paused, or does not count this order yet.

    Else an order that was ended in between would be missing in its report.
    """
    live = EventRefund.objects.filter(event_id=event_id, status__in=EventRefund.LIVE).first()
    if live is None:
        return False
    return live.status == EventRefund.Status.PAUSED or not live.orders.filter(order__code=order).exists()


def _reachable() -> Q:
    """Orders whose buyer gets mail (`documents.services.recipient`, as a condition)."""
    proven = Q(claimed_at__isnull=False) | Q(person__verified_at__isnull=False)
    confirmed = Q(person__email_confirmed_at__isnull=False) & ~Q(person__email=None)
    return ~Q(email="") | (proven & confirmed)
