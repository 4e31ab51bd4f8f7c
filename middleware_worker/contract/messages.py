"""The messages between the programs, as validated types.

One message is about one reservation (an order) and all of its tickets. `id` is the id of its outbox
row: the receiver dedupes by what the message is about, the sender settles the row by this id.
Money is whole Chilean pesos.
"""

import hashlib
import math
import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, field_validator

from middleware_worker.contract.rut import MAX_RUT, MIN_RUT

OUR_PREFIX = "TF-"
MAX_ID_LENGTH = 128
MAX_PRICE = 99_999_999

_NUMERIC = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?")

TicketStatus = Literal["PENDING_PAYMENT", "PAID", "USED", "REFUNDED", "EXPIRED"]
Rut = Annotated[int, Field(ge=MIN_RUT, le=MAX_RUT)]
Pesos = Annotated[int, Field(ge=0, le=MAX_PRICE)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
TicketId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SeatTicket(Frozen):
    """A ticket of a reservation, with the seat and the price frozen when it was taken."""

    id: TicketId
    seat_id: int
    seat: Text
    section: str = ""
    price: Pesos


class Order(Frozen):
    """A reservation as billing needs it; `ticket.expire` carries the same, so that a tombstone is whole."""

    order: TicketId
    rut: Rut
    name: str = ""
    email: str = ""
    event_id: int
    event: Text
    venue: str = ""
    starts_at: datetime
    reserved_at: datetime
    expires_at: datetime
    tickets: Annotated[list[SeatTicket], Field(min_length=1, max_length=50)]


class TicketCreate(Order):
    id: UUID
    type: Literal["ticket.create"] = "ticket.create"


class TicketExpire(Order):
    """Reservations asks billing to end an order; only billing's answer frees the seats.

    With `refund_paid` (the event was cancelled) what is paid and not used is refunded.
    """

    id: UUID
    type: Literal["ticket.expire"] = "ticket.expire"
    reason: Literal["hold_ran_out", "cancelled_by_buyer", "cancelled_by_staff", "event_cancelled"]
    by: str
    refund_paid: bool = False


class TicketState(Frozen):
    """A ticket's status and its version (generation, n), which billing alone counts."""

    id: TicketId
    status: TicketStatus
    generation: Annotated[int, Field(ge=0)]
    n: Annotated[int, Field(ge=0)]

    @property
    def version(self) -> tuple[int, int]:
        return self.generation, self.n


class TicketStatusChanged(Frozen):
    """Billing tells reservations what became of tickets of one order."""

    id: UUID
    type: Literal["ticket.status"] = "ticket.status"
    order: TicketId
    tickets: Annotated[list[TicketState], Field(min_length=1)]


def _whole_number(value: Any) -> Any:
    """Integers and strings of ASCII digits; not booleans, not 12.0."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be an integer or a string of digits")
    return value


def _whole_pesos(value: Any) -> int:
    """5000, 5000.0, "5000" and "5000.00" are 5000 pesos; a fraction, NaN or a word is refused."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number or a numeric string")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    if isinstance(value, str) and not _NUMERIC.fullmatch(value):
        raise ValueError("must be a number or a numeric string")
    amount = Decimal(str(value))
    if not 0 <= amount <= MAX_PRICE:
        raise ValueError(f"must be between 0 and {MAX_PRICE}")
    if amount != amount.to_integral_value():
        raise ValueError("must be whole pesos, without a fraction")
    return int(amount)


class NewTicket(Frozen):
    """The raw JSON that outside producers put on the queue `new_ticket` or POST to /tickets."""

    id: TicketId
    rut: Annotated[Rut, BeforeValidator(_whole_number)]
    price: Annotated[Pesos, BeforeValidator(_whole_pesos)]
    event: Text

    @field_validator("id", "event")
    @classmethod
    def _plain_text(cls, value: str) -> str:
        if any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF or ord(c) == 127 for c in value):
            raise ValueError("must not hold control characters")
        if value != value.strip():
            raise ValueError("must not begin or end with a space")
        return value

    @field_validator("id")
    @classmethod
    def _not_our_prefix(cls, value: str) -> str:
        if value.upper().startswith(OUR_PREFIX):
            raise ValueError(f"must not begin with {OUR_PREFIX}, which is kept for our own tickets")
        return value


class OutsideTicket(NewTicket):
    """A `new_ticket` on its way to billing. `message_id` names the delivery, `id` the ticket."""

    type: Literal["ticket.outside"] = "ticket.outside"

    def digest(self) -> str:
        """Two messages with the same id and another digest are a conflict."""
        return hashlib.sha256(f"{self.rut}\n{self.price}\n{self.event}".encode()).hexdigest()


class Answer(Frozen):
    """What a receiver, or the carrier in its name, says of one message.

    done: committed; `tickets` are the states it left. wait: ask again later. rejected: the content
    can never be accepted, `code` and `error` say why. retry: the carrier did not reach the receiver.
    """

    id: str
    result: Literal["done", "wait", "rejected", "retry"]
    tickets: list[TicketState] = []
    code: str = ""
    error: str = ""


ToBilling = Annotated[TicketCreate | TicketExpire | OutsideTicket, Field(discriminator="type")]
to_billing: TypeAdapter[TicketCreate | TicketExpire | OutsideTicket] = TypeAdapter(ToBilling)
to_reservations: TypeAdapter[TicketStatusChanged] = TypeAdapter(TicketStatusChanged)
answers: TypeAdapter[list[Answer]] = TypeAdapter(list[Answer])
