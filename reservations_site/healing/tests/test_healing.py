"""What billing may ask when it heals, and what a restored reservations adopts from billing."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client

from middleware_worker.contract.healing import BilledOrder
from middleware_worker.contract.messages import TicketState
from middleware_worker.outbox import closing
from middleware_worker.outbox.models import OutboxMessage
from reservations_site.events.models import Event, Seat
from reservations_site.events.tests.factories import hold, statuses
from reservations_site.healing import fence, services
from reservations_site.reservations.messages import order_payload
from reservations_site.reservations.models import AuditEntry, Line, Reservation
from reservations_site.reservations.selectors import Booking
from reservations_site.reservations.states import apply_ticket_states

pytestmark = pytest.mark.django_db


def state(line: Line, status: str, *version: int) -> TicketState:
    generation, n = version or (1, 2)
    return TicketState(id=line.ticket_id, status=status, generation=generation, n=n)


def billed(booking: Booking, *found: str, cursor: int = 1, n: int = 2) -> BilledOrder:
    """What billing says of an order, a status a ticket."""
    states = [state(line, status, 1, n) for line, status in zip(booking.lines, found, strict=True)]
    return BilledOrder(cursor=cursor, order=order_payload(booking), tickets=states)


class FakeBilling:
    def __init__(self) -> None:
        self.known: list[BilledOrder] = []

    def __call__(self) -> "FakeBilling":
        return self

    def orders(self, kind: object, *, since: str = "") -> Iterator[BilledOrder]:
        return iter(self.known)


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> FakeBilling:
    found = FakeBilling()
    monkeypatch.setattr(services, "OtherSite", found)
    return found


def adopt() -> services.Adopted:
    return services.adopt(by="test", wait=lambda _seconds: None)


def forget(*bookings: Booking) -> None:
    """The database is restored to a moment before these were made."""
    for booking in bookings:
        AuditEntry.objects.filter(reservation=booking.reservation).delete()
        OutboxMessage.objects.filter(aggregate=booking.reservation.code).delete()
        Seat.objects.filter(id__in=[line.seat_id for line in booking.lines]).update(status="available")
        Reservation.objects.filter(id=booking.reservation.id).delete()


def test_lost_reservations_are_made_again_as_billing_has_them(event: Event, other: FakeBilling) -> None:
    paid, held, mixed, over = (hold(event, f"A-{n}", f"B-{n}") for n in range(1, 5))
    other.known = [
        billed(paid, "PAID", "USED"),
        billed(held, "PENDING_PAYMENT", "PENDING_PAYMENT", n=1),
        billed(mixed, "PAID", "REFUNDED"),
        billed(over, "EXPIRED", "EXPIRED"),
    ]
    forget(paid, held, mixed, over)
    found = adopt()
    assert (found.read, found.made_again, found.problems) == (4, 4, [])
    assert statuses(event, "A-1", "B-1", "A-2", "A-3", "B-3", "A-4") == [
        "sold", "sold", "reserved", "sold", "available", "available",
    ]  # fmt: skip
    again = Reservation.objects.get(code=held.reservation.code)
    assert (again.rut, again.caller, again.expires_at) == (12_345_678, "adopted", held.reservation.expires_at)
    assert not closing.is_closed()


def test_what_became_of_known_reservations_since_the_backup_is_adopted(event: Event, other: FakeBilling) -> None:
    """The backup has the first buyer's hold; since then it ran out and the seat was sold to the second."""
    first = hold(event, "A-1")
    apply_ticket_states([state(first.lines[0], "EXPIRED")])
    second = hold(event, "A-1", rut=5_126_663)
    other.known = [billed(first, "EXPIRED"), billed(second, "PAID", cursor=2)]
    forget(second)
    Line.objects.filter(reservation=first.reservation).update(status="held", generation=0, version=0)
    Seat.objects.filter(label="A-1", event=event).update(status="reserved")
    assert adopt().problems == []
    assert statuses(event, "A-1") == ["sold"]
    assert Line.objects.get(ticket_id=second.lines[0].ticket_id).status == "confirmed"


def test_a_second_run_changes_nothing(event: Event, other: FakeBilling) -> None:
    booking = hold(event, "A-1", "A-2")
    other.known = [billed(booking, "PAID", "REFUNDED")]
    forget(booking)
    adopt()
    seen = list(Line.objects.order_by("id").values())
    assert adopt().made_again == 0
    assert list(Line.objects.order_by("id").values()) == seen


@pytest.mark.django_db(transaction=True)
def test_a_seat_that_is_anothers_is_reported_and_sales_stay_closed(event: Event, other: FakeBilling) -> None:
    booking = hold(event, "A-1")
    other.known = [billed(booking, "PAID")]
    forget(booking)
    hold(event, "A-1", rut=5_126_663)
    assert len(adopt().problems) == 1
    assert closing.is_closed()
    with pytest.raises(CommandError, match="1 problems"):
        call_command("adopt")
    call_command("adopt", "--open")
    assert not closing.is_closed()


def test_an_event_made_after_the_backup_is_reported(event: Event, other: FakeBilling) -> None:
    booking = hold(event, "A-1")
    found = billed(booking, "PAID")
    unknown = found.order.model_copy(update={"event_id": event.id + 1000})
    forget(booking)
    other.known = [found.model_copy(update={"order": unknown})]
    assert "has no seats" in adopt().problems[0]


def test_while_it_heals_nobody_reserves(api: Client, worker: Client, event: Event) -> None:
    closing.close(reason="test")
    answer = api.post("/api/reserve", {"seat_id": 1, "user_id": 1}, content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert worker.post("/api/internal/messages").status_code == 503
    assert api.get("/health").status_code == 200


def test_words_of_an_older_generation_do_nothing(event: Event, billing: Client) -> None:
    booking = hold(event, "A-1")
    answer = billing.post("/api/internal/healing/fence", {"generation": 2}, content_type="application/json")
    assert answer.json() == {"generation": 2}
    apply_ticket_states([state(booking.lines[0], "EXPIRED", 1, 7)])
    assert statuses(event, "A-1") == ["reserved"]
    apply_ticket_states([state(booking.lines[0], "EXPIRED", 2, 2)])
    assert statuses(event, "A-1") == ["available"]


def test_the_fence_never_falls() -> None:
    assert [fence.raise_to(3), fence.raise_to(2), fence.lowest()] == [3, 3, 3]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_fence_waits_for_words_that_are_being_applied(event: Event) -> None:
    """Else billing would read lines that change after it has looked."""
    inside, raised = threading.Event(), []

    def raise_it() -> None:
        inside.set()
        raised.append(fence.raise_to(2))
        connection.close()

    thread = threading.Thread(target=raise_it)
    with transaction.atomic():
        assert fence.lowest() == 0
        thread.start()
        assert inside.wait(10)
        with connection.cursor() as cursor:
            waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while True:
                cursor.execute(waits)
                if cursor.fetchone()[0]:
                    break
        assert raised == []
    thread.join(10)
    assert raised == [2]


def test_receipted_rows_are_carried_again(event: Event, billing: Client) -> None:
    first, second = hold(event, "A-1"), hold(event, "A-2")
    OutboxMessage.objects.update(state=OutboxMessage.State.RECEIPTED, receipted_at=first.reservation.created_at)
    some = {"orders": [second.reservation.code]}
    again = billing.post("/api/internal/healing/reopen", some, content_type="application/json")
    assert again.json() == {"reopened": 1}
    opened = OutboxMessage.objects.filter(state=OutboxMessage.State.OPEN)
    assert list(opened.values_list("aggregate", flat=True)) == [second.reservation.code]
    call_command("reopen_outbox", "--since", first.reservation.created_at.isoformat())
    assert opened.count() == 2


def test_billing_reads_the_orders_page_by_page_and_nobody_else(
    event: Event, billing: Client, portal: Client, worker: Client
) -> None:
    first, second = hold(event, "A-1"), hold(event, "A-2", "A-3")
    page = billing.get("/api/internal/healing/orders", {"limit": 1}).json()["orders"]
    assert [(order["order"]["order"], order["open"]) for order in page] == [(first.reservation.code, True)]
    rest = billing.get("/api/internal/healing/orders", {"after": page[0]["cursor"]}).json()["orders"]
    assert [line["line"] for line in rest[0]["lines"]] == ["held", "held"]
    assert [client.get("/api/internal/healing/orders").status_code for client in (portal, worker)] == [403, 403]
    assert billing.post("/api/internal/messages", {}, content_type="application/json").status_code == 403
    asked: Any = {"codes": [second.reservation.code, "TF-NONE"]}
    unknown = billing.post("/api/internal/healing/unknown", asked, content_type="application/json")
    assert unknown.json() == {"unknown": ["TF-NONE"]}
