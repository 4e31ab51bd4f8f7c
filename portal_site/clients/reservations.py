"""The reservations site as the portal uses it: events, seats, holds."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from django.conf import settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

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

    def place(self) -> tuple[object, ...]:
        """All of it but its status."""
        return self.id, self.seat_number, self.section, self.row, self.number, self.x, self.y, self.price


class SeatPlan(Answer):
    """All seats of an event, with the ETag that names this state of them."""

    seats: tuple[Seat, ...]
    sections: tuple[Section, ...] = ()
    etag: str = ""


class SeatStates(Answer):
    """Which seats are free now: a letter each in the order of their ids, a available, r reserved, s sold."""

    states: str
    etag: str = ""


Tagged = TypeVar("Tagged", SeatPlan, SeatStates)
Found = TypeVar("Found", bound=Answer)
# So many events are kept in mind.
KEPT = 50


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


class Room(Answer):
    """A waiting room as everybody may see it. `state`: before, open, paused or over."""

    state: str
    sold_out: bool = False
    opens_at: datetime
    now: datetime
    rate: int
    minutes: int = 0
    waiting: int = 0
    # Over how many seconds those who wait come for their numbers at the opening.
    spread: int = 2
    last: int = 0
    door: int = 0
    # Up to how many places from the door one asks again after how many seconds, nearest first; None: any.
    poll: tuple[tuple[int | None, int], ...] = ((None, 15),)

    def poll_after(self, ahead: int) -> int:
        return next((seconds for most, seconds in self.poll if most is None or ahead <= most), 30)


class Place(Answer):
    """A browser's place in a room. `status`: waiting, inside or over."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    status: str
    number: int | None = None
    expires_at: datetime | None = None
    uses_left: int = 0
    admission: str | None = Field(None, alias="pass")


_events: TypeAdapter[list[Event]] = TypeAdapter(list[Event])


class ReservationsSite:
    def __init__(self, *, url: str, key: str) -> None:
        self.site = Site(name="reservations", url=url, key=key)
        # The last answer of each path; a 304 brings it back without parsing 2,400 seats.
        self._plans: dict[str, SeatPlan] = {}
        self._states: dict[str, SeatStates] = {}

    def events(self, visitor: Visitor) -> list[Event]:
        response = self.site.call("GET", "/api/events", visitor=visitor, signed=False)
        return self.site.parsed(response, lambda data: _events.validate_python(data["events"]))

    def event(self, event_id: int, visitor: Visitor) -> Event | None:
        """None when there is no such event."""
        try:
            response = self.site.call("GET", f"/api/events/{event_id}", visitor=visitor, signed=False)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return self.site.parsed(response, lambda data: Event.model_validate(data.get("event", data)))

    def seats(self, event_id: int, visitor: Visitor) -> SeatPlan | None:
        """The seats now; None when there is no such event."""
        return self._changed(SeatPlan, self._plans, f"/api/events/{event_id}/seats", visitor)

    def seat_states(self, event_id: int, visitor: Visitor) -> SeatStates | None:
        """Only what changes on a map; None when there is no such event."""
        return self._changed(SeatStates, self._states, f"/api/events/{event_id}/seats/states", visitor)

    def _changed(self, kind: type[Tagged], kept: dict[str, Tagged], path: str, visitor: Visitor) -> Tagged | None:
        """What is there now, from `kept` while nothing has changed; None when there is no such thing."""
        known = kept.get(path)
        headers = {"If-None-Match": known.etag} if known and known.etag else {}
        try:
            # Signed, so that nginx asks the site: a map shows the exact state.
            response = self.site.call("GET", path, visitor=visitor, headers=headers)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        if response.status_code == 304 and known is not None:
            return known
        etag = response.headers.get("ETag", "")
        found = self.site.parsed(response, lambda data: kind.model_validate({**data, "etag": etag}))
        if len(kept) > KEPT:
            kept.clear()
        kept[path] = found
        return found

    def room(self, event_id: int, visitor: Visitor) -> Room | None:
        """The waiting room; None when the event has none."""
        return self._or_none(Room, "GET", f"/api/events/{event_id}/room", visitor)

    def place(self, event_id: int, *, browser: str, join: bool, visitor: Visitor) -> Place | None:
        """Where this browser stands; with `join` it gets a place when it has none. None without one."""
        body = {"browser": browser, "join": join}
        return self._or_none(Place, "POST", f"/api/events/{event_id}/room/places", visitor, body)

    def _or_none(
        self, kind: type[Found], method: str, path: str, visitor: Visitor, body: dict[str, Any] | None = None
    ) -> Found | None:
        try:
            response = self.site.call(method, path, visitor=visitor, body=body)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return self.site.parsed(response, kind.model_validate)

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
        headers = {"Idempotency-Key": key} | ({"X-Admission": visitor.admission} if visitor.admission else {})
        response = self.site.call("POST", "/api/reservations", visitor=visitor, body=body, headers=headers)
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
