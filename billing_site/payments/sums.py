"""Money by event and by day of the venue's calendar: what came in, what went back, what remains."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, F, Model, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

from billing_site.tickets.models import Ticket


@dataclass
class Line:
    """Tickets sold and given back, and their money."""

    sold: int = 0
    income: Decimal = field(default_factory=Decimal)
    returned: int = 0
    refunds: Decimal = field(default_factory=Decimal)

    @property
    def net(self) -> Decimal:
        return self.income - self.refunds

    def add(self, other: "Line") -> None:
        self.sold += other.sold
        self.income += other.income
        self.returned += other.returned
        self.refunds += other.refunds


@dataclass
class Sums:
    by_event: dict[str, Line]
    by_day: dict[date, Line]
    total: Line


class HourLine(NamedTuple):
    n: int
    money: int


NOTHING = HourLine(0, 0)


def sums(*, first: date, last: date, event: str = "") -> Sums:
    """The sums of the days from first to last, both included; of one event when it is named."""
    zone = timezone.get_default_timezone()
    start = datetime.combine(first, time.min, zone)
    end = datetime.combine(last + timedelta(days=1), time.min, zone)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    result = Sums({}, {day: Line() for day in days}, Line())
    events: dict[str, Line] = defaultdict(Line)
    for name, hour, count, money in _hours("paid_at", start, end, event):
        _book(result, events, name, hour, Line(sold=count, income=money))
    for name, hour, count, money in _hours("refunded_at", start, end, event):
        _book(result, events, name, hour, Line(returned=count, refunds=money))
    result.by_event = dict(sorted(events.items(), key=lambda item: (-item[1].net, item[0])))
    return result


def by_hour(
    model: type[Model], stamp: str, start: datetime, end: datetime, *, money: bool = False
) -> dict[datetime, HourLine]:
    """How many rows were stamped in each hour (UTC), and the sum of their prices: from an index alone."""
    rows = model._default_manager.filter(**{f"{stamp}__gte": start, f"{stamp}__lt": end})
    hours = rows.annotate(hour=TruncHour(stamp, tzinfo=UTC)).values("hour").order_by()
    sums = hours.annotate(count=Count("pk"), **({"money": Sum("price")} if money else {}))
    return {row["hour"]: HourLine(row["count"], int(row.get("money") or 0)) for row in sums}


def _hours(stamp: str, start: datetime, end: datetime, event: str) -> Iterable[tuple[str, datetime, int, Decimal]]:
    """By hours in UTC, which become local days here: MariaDB knows time zones only where their tables were loaded."""
    rows = Ticket.objects.filter(**{f"{stamp}__gte": start, f"{stamp}__lt": end})
    if event:
        rows = rows.filter(event=event)
    hours = rows.annotate(hour=TruncHour(stamp, tzinfo=UTC), name=F("event")).values("name", "hour")
    return (
        hours.annotate(count=Count("pk"), money=Sum("price")).order_by().values_list("name", "hour", "count", "money")
    )


def _book(result: Sums, events: dict[str, Line], name: str, hour: datetime, line: Line) -> None:
    result.total.add(line)
    events[name].add(line)
    result.by_day[timezone.localtime(hour, timezone.get_default_timezone()).date()].add(line)
