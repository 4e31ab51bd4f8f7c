"""What the two sites show each other page by page when one of them has to heal or both are compared."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from middleware_worker.contract.messages import Frozen, Order, TicketId, TicketState


class LineState(Frozen):
    """A seat of a reservation, and the newest that billing has told of its ticket ("" and (0, 0): nothing yet)."""

    ticket: TicketId
    line: Literal["held", "confirmed", "released"]
    status: str = ""
    generation: Annotated[int, Field(ge=0)] = 0
    n: Annotated[int, Field(ge=0)] = 0

    @property
    def version(self) -> tuple[int, int]:
        return self.generation, self.n


class ReservedOrder(Frozen):
    """An order as reservations knows it. `cursor` asks for what comes after; `open`: something is on its way."""

    cursor: int
    order: Order
    lines: list[LineState]
    open: bool = False


class BilledOrder(Frozen):
    """An order of reservations as billing knows it."""

    cursor: int
    order: Order
    tickets: list[TicketState]
    open: bool = False


reserved_orders: TypeAdapter[list[ReservedOrder]] = TypeAdapter(list[ReservedOrder])
billed_orders: TypeAdapter[list[BilledOrder]] = TypeAdapter(list[BilledOrder])
