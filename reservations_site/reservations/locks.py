"""Every lock of this site, in one order: the fence or the buyer, reservations in id order, seats in id order.

The outbox rows that a receipt settles are locked before all of these (`middleware_worker.outbox.locks`).
On SQLite a write transaction begins with the only lock there is, and `select_for_update` does nothing.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef

from reservations_site.events.models import Event, Seat
from reservations_site.reservations.models import Line, Reservation

# The first half of the advisory lock's key, so that no other use of advisory locks meets a RUT.
BUYER_LOCK = 0x52555400
# Held by all who apply billing's words, and alone by whoever raises the fence (`healing.fence`).
FENCE_LOCK = 0x46454E43


def buyer(rut: int) -> None:
    """Until the transaction ends no other one reserves for this RUT: the hold limit is counted under it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [BUYER_LOCK, rut])


def seats(ids: Iterable[int], *, skip_locked: bool = False) -> dict[int, str]:
    """The status of each seat by its id, locked until the transaction ends; always taken in id order.

    With `skip_locked` a seat that another transaction holds is left out instead of waited for.
    """
    rows = Seat.objects.filter(id__in=list(ids)).order_by("id")
    return dict(rows.select_for_update(of=("self",), skip_locked=skip_locked, no_key=True).values_list("id", "status"))


def event(id: int) -> Event:
    """The event, locked against another change of its status or of its seats' blocking."""
    return Event.objects.using("default").select_for_update(of=("self",), no_key=True).get(id=id)


def reservations(ids: Iterable[int]) -> list[Reservation]:
    """Reservations in id order, locked: nobody else asks to end them or applies billing's word meanwhile."""
    rows = Reservation.objects.filter(id__in=list(ids)).order_by("id")
    return list(rows.select_for_update(of=("self",), no_key=True))


def holds_that_ran_out(*, now: datetime, limit: int) -> list[Reservation]:
    """Unpaid reservations past their time that nobody has asked about, locked; those in other hands are passed over."""
    unpaid = Line.objects.filter(reservation=OuterRef("pk"), status=Line.Status.HELD)
    rows = Reservation.objects.filter(Exists(unpaid), asked_at=None, expires_at__lte=now).order_by("id")
    return list(rows.select_for_update(of=("self",), skip_locked=True, no_key=True)[:limit])


def fence_stands() -> None:
    """Until the transaction ends the fence does not move. Taken before all other locks but the outbox's rows."""
    _fence("pg_advisory_xact_lock_shared")


def move_fence() -> None:
    """Waits for all who apply billing's words just now; until the transaction ends nobody else does."""
    _fence("pg_advisory_xact_lock")


def _fence(function: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [FENCE_LOCK])
