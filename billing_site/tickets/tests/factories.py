"""Messages and rows for tests, each different from the last."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from billing_site.tickets.messages import receive
from billing_site.tickets.models import Order, Ticket

_numbers = itertools.count(1)
EVENT_STARTS = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
RUT = 12_345_678


def create_message(seats: int = 1, **changes: Any) -> dict[str, Any]:
    """A `ticket.create`; `prices` gives each seat its own."""
    number = next(_numbers)
    prices = changes.pop("prices", [5000] * seats)
    now = datetime.now(UTC)
    message: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "type": "ticket.create",
        "order": f"TF-TEST-{number:04d}-{uuid.uuid4().hex[:4].upper()}",
        "rut": RUT,
        "event_id": 1,
        "event": "Concierto Rock Nacional",
        "venue": "Estadio Nacional",
        "starts_at": EVENT_STARTS.isoformat(),
        "reserved_at": now.isoformat(),
        "expires_at": (now + timedelta(minutes=10)).isoformat(),
        "tickets": [
            {
                "id": f"TF-{uuid.uuid4().hex}",
                "seat_id": number * 100 + place,
                "seat": f"A-{place + 1}",
                "section": "Platea",
                "price": price,
            }
            for place, price in enumerate(prices)
        ],
    }
    return {**message, **changes}


def expire_message(created: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The `ticket.expire` about the same order."""
    asked = {"id": str(uuid.uuid4()), "type": "ticket.expire", "reason": "hold_ran_out", "by": "clock"}
    return {**created, **asked, **changes}


def outside_message(id: str | None = None, **changes: Any) -> dict[str, Any]:
    message = {"type": "ticket.outside", "id": id or f"EXT-{uuid.uuid4()}", "rut": RUT, "price": 5000, "event": "Feria"}
    return {**message, **changes}


def arrived_order(seats: int = 1, **changes: Any) -> Order:
    """A pending order that came from reservations."""
    message = create_message(seats, **changes)
    (answer,) = receive([message])
    assert answer.result == "done", answer
    return Order.objects.get(code=message["order"])


def outside_order(**changes: Any) -> Order:
    """A pending order of an outside seller, with its one ticket."""
    message = outside_message(**changes)
    (answer,) = receive([message])
    assert answer.result == "done", answer
    return Order.objects.get(code=message["id"])


def tickets_of(order: Order) -> list[Ticket]:
    return list(order.tickets.order_by("id"))
