"""The reservations site as the portal uses it: events, seats, holds."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any
from urllib.parse import quote

from django.conf import settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter

from portal_site.clients.calls import Refused, Site, Visitor


def whole_pesos(value: Any) -> Any:
    """Money as an integer, whether it came as 5000, "5000" or "5000.00"."""
    return int(Decimal(str(value))) if isinstance(value, str | float) else value


Pesos = Annotated[int, BeforeValidator(whole_pesos)]


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Section(Answer):
    id: int
    name: str
    price: Pesos = 0
    rank: int = 0
    available: int = 0


class Event(Answer):
    id: int
    name: str
    venue: str = ""
    date: str = ""
    starts_at: datetime
    description: str = ""
    total_seats: int = 0
    available_seats: int = 0
    price_from: Pesos | None = None
    status: str = "published"
    sales_open_at: datetime | None = None
    sales_close_at: datetime | None = None
    sections: tuple[Section, ...] = ()

    def on_sale(self, now: datetime) -> bool:
        closes = self.sales_close_at or self.starts_at
        opened = self.sales_open_at is None or self.sales_open_at <= now
        return self.status == "published" and opened and now < closes

    def opens_later(self, now: datetime) -> bool:
        return self.sales_open_at is not None and now < self.sales_open_at


class Seat(Answer):
    id: int
    seat_number: str
    status: str
    section: int = 0
    row: str = ""
    number: int = 0
    x: float
    y: float
    price: Pesos = 0


class SeatPlan(Answer):
    """All seats of an event, with the ETag that names this state of them."""

    seats: tuple[Seat, ...]
    sections: tuple[Section, ...] = ()
    etag: str = ""


class HeldSeat(Answer):
    seat_id: int
    seat_number: str
    section: str = ""
    row: str = ""
    number: int | str = ""
    price: Pesos = 0
    ticket_id: str = ""
    status: str = "held"


class HeldEvent(Answer):
    id: int
    name: str
    venue: str = ""
    date: str = ""
    starts_at: datetime | None = None


class Reservation(Answer):
    code: str
    event: HeldEvent
    status: str
    expires_at: datetime
    total: Pesos
    seats: tuple[HeldSeat, ...]


_events: TypeAdapter[list[Event]] = TypeAdapter(list[Event])


class ReservationsSite:
    def __init__(self, *, url: str, key: str) -> None:
        self.site = Site(name="reservations", url=url, key=key)
        # The last seat plan of each event; a 304 brings it back without parsing 2,400 seats.
        self._plans: dict[int, SeatPlan] = {}

    def events(self, visitor: Visitor) -> list[Event]:
        response = self.site.call("GET", "/api/events", visitor=visitor)
        return self.site.parsed(response, lambda data: _events.validate_python(data["events"]))

    def event(self, event_id: int, visitor: Visitor) -> Event | None:
        """None when there is no such event."""
        try:
            response = self.site.call("GET", f"/api/events/{event_id}", visitor=visitor)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return self.site.parsed(response, lambda data: Event.model_validate(data.get("event", data)))

    def seats(self, event_id: int, visitor: Visitor) -> SeatPlan | None:
        """The seats now; None when there is no such event."""
        known = self._plans.get(event_id)
        headers = {"If-None-Match": known.etag} if known and known.etag else {}
        try:
            response = self.site.call("GET", f"/api/events/{event_id}/seats", visitor=visitor, headers=headers)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        if response.status_code == 304 and known is not None:
            return known
        etag = response.headers.get("ETag", "")
        plan = self.site.parsed(response, lambda data: SeatPlan.model_validate({**data, "etag": etag}))
        if len(self._plans) > 50:
            self._plans.clear()
        self._plans[event_id] = plan
        return plan

    def reserve_seats(
        self, *, seat_ids: Sequence[int], buyer: dict[str, Any], key: str, visitor: Visitor
    ) -> Reservation:
        """All the seats or none; the same key again gives the same reservation."""
        return self._reserve({"seat_ids": list(seat_ids), **buyer}, key, visitor)

    def reserve_best(
        self,
        *,
        event_id: int,
        quantity: int,
        section: int | None,
        buyer: dict[str, Any],
        key: str,
        visitor: Visitor,
    ) -> Reservation:
        """The best seats that are free, side by side where possible."""
        body: dict[str, Any] = {"event_id": event_id, "quantity": quantity, **buyer}
        if section is not None:
            body["section"] = section
        return self._reserve(body, key, visitor)

    def _reserve(self, body: dict[str, Any], key: str, visitor: Visitor) -> Reservation:
        response = self.site.call(
            "POST", "/api/reservations", visitor=visitor, body=body, headers={"Idempotency-Key": key}
        )
        return self.site.parsed(response, Reservation.model_validate)

    def reservation(self, code: str, visitor: Visitor) -> Reservation | None:
        """None when there is no such code."""
        try:
            response = self.site.call("GET", f"/api/reservations/{quote(code, safe='')}", visitor=visitor)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return self.site.parsed(response, Reservation.model_validate)

    def cancel(self, code: str, visitor: Visitor) -> None:
        """Asks for the end of an unpaid hold. Refused with code `paid` when it is paid."""
        self.site.call("DELETE", f"/api/reservations/{quote(code, safe='')}", visitor=visitor)


@cache
def _site(url: str, key: str) -> ReservationsSite:
    return ReservationsSite(url=url, key=key)


def reservations() -> ReservationsSite:
    """The reservations site at the address of the settings."""
    return _site(settings.RESERVATIONS_URL, settings.SERVICE_KEY)
