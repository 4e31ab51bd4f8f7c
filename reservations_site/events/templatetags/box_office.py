"""What the admin's first page shows of the coming events."""

from typing import Any

from django import template
from django.utils import timezone

from reservations_site.events import selectors
from reservations_site.events.models import Event
from reservations_site.reservations.words import pesos

register = template.Library()
register.filter("pesos", pesos)
SHOWN = 6


@register.inclusion_tag("admin/next_events.html")
def next_events() -> dict[str, Any]:
    """The next published events with how full they are."""
    coming = Event.objects.using("default").filter(status=Event.Status.PUBLISHED, starts_at__gte=timezone.now())
    events = list(coming.select_related("venue").order_by("starts_at")[:SHOWN])
    rows = selectors.described(events)
    for row, event in zip(rows, events, strict=True):
        row["starts_at"] = event.starts_at
        row["taken"] = row["total_seats"] - row["available_seats"]
        row["percent"] = round(100 * row["taken"] / (row["total_seats"] or 1))
    return {"rows": rows}
