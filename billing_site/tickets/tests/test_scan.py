"""What a guard scans or types, and the answer."""

from datetime import UTC, datetime, timedelta

import pytest

from billing_site.payments import refunds, services
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.tickets import scan as scans
from billing_site.tickets import signing
from billing_site.tickets.models import Admission, AuditEntry, Order, Ticket
from billing_site.tickets.scan import GateEvent, Progress, Scan
from billing_site.tickets.services import expire_order
from billing_site.tickets.tests.factories import arrived_order, outside_order, tickets_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]
ROCK = GateEvent(1, "Concierto Rock Nacional")


def paid(seats: int = 1, **changes) -> list[Ticket]:
    order = arrived_order(seats, **changes)
    return pay(order)


def pay(order: Order) -> list[Ticket]:
    services.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    return tickets_of(order)


def scan(text: str, event: GateEvent = ROCK, gate: str = "Norte") -> Scan:
    return scans.scan(text=text, event=event, gate=gate, by="Pía")


def test_a_paid_ticket_is_let_in_once_and_the_second_scan_says_where_and_when() -> None:
    (ticket,) = paid()
    first = scan(signing.sign(ticket))
    assert (first.code, first.ticket) == ("in", ticket)
    admission = Admission.objects.get(ticket=ticket)
    assert (admission.gate, admission.by) == ("Norte", "Pía")
    again = scan(signing.sign(ticket), gate="Sur")
    assert (again.code, again.gate, again.at) == ("already_used", "Norte", admission.at)
    assert Admission.objects.count() == 1


def test_an_entry_is_audited_with_who_let_them_in() -> None:
    (ticket,) = paid()
    scan(signing.sign(ticket))
    assert AuditEntry.objects.get(action="ticket.used").by == "Pía"


def test_a_ticket_that_was_not_paid_is_not_let_in() -> None:
    (ticket,) = tickets_of(arrived_order())
    assert scan(ticket.external_id).code == "not_paid"


def test_a_refunded_ticket_is_not_let_in() -> None:
    (ticket,) = paid()
    refunds.refund_ticket(ticket=ticket, reason="x", by="test")
    assert scan(signing.sign(ticket)).code == "refunded"


def test_an_expired_ticket_is_not_let_in() -> None:
    order = arrived_order()
    expire_order(order=order, by="test", reason="hold_ran_out")
    assert scan(tickets_of(order)[0].external_id).code == "expired"


def test_a_ticket_of_another_event_is_not_let_in_and_stays_good() -> None:
    (ticket,) = paid(event_id=2, event="La Traviata")
    answer = scan(signing.sign(ticket))
    assert (answer.code, answer.ticket) == ("other_event", ticket)
    assert not Admission.objects.exists()


def test_a_changed_code_is_called_forged_and_lets_nobody_in() -> None:
    (ticket,) = paid()
    text = signing.sign(ticket)
    assert scan(text[:-6] + "AAAAAA").code == "forged"
    assert not Admission.objects.exists()


def test_a_genuine_code_of_a_ticket_that_is_not_here_is_unknown() -> None:
    text = signing.sign(Ticket(external_id="TF-gone", event_id=1, event="x", seat_id=1))
    assert scan(text).code == "unknown"
    assert scan("whatever 🎫").code == "unknown"


def test_a_ticket_number_may_be_typed_in_capitals() -> None:
    (ticket,) = paid()
    assert scan(ticket.external_id.upper()).code == "in"


def test_a_scanner_with_the_wrong_keyboard_layout_is_understood() -> None:
    for _ in range(12):
        (ticket,) = paid()
        text = signing.sign(ticket)
        if "-" in text and "_" in text:
            assert scan(text.replace("-", "'").replace("_", "?")).code == "in"
            return
    raise AssertionError("no code had both characters")


def test_the_code_of_an_order_with_one_ticket_lets_it_in() -> None:
    (ticket,) = paid()
    assert scan(ticket.order.code).code == "in"


def test_the_code_of_an_order_with_several_tickets_asks_which_one() -> None:
    tickets = paid(3)
    answer = scan(tickets[0].order.code)
    assert (answer.code, answer.choices) == ("choose", tickets)
    assert not Admission.objects.exists()


def test_an_outside_ticket_enters_at_the_event_of_its_name() -> None:
    order = outside_order(event="Concierto Rock Nacional")
    (ticket,) = pay(order)
    assert scan(signing.sign(ticket)).code == "in"
    (other,) = pay(outside_order(event="Feria"))
    assert scan(signing.sign(other)).code == "other_event"
    assert scan(signing.sign(other), event=GateEvent(None, "Feria")).code == "in"


def test_progress_counts_who_is_in_and_who_may_come() -> None:
    tickets = paid(3)
    arrived_order(2)
    scan(signing.sign(tickets[0]))
    assert scans.progress(ROCK) == Progress(1, 2)
    assert scans.progress(ROCK).percent == 33
    assert scans.progress(GateEvent(99, "x")).percent == 0


def test_gates_offer_the_nearest_events_first_and_outside_ones_last() -> None:
    now = datetime.now(UTC)
    arrived_order(event_id=5, event="Mañana", starts_at=(now + timedelta(days=1)).isoformat())
    arrived_order(event_id=6, event="Hoy", starts_at=now.isoformat())
    arrived_order(event_id=7, event="El mes pasado", starts_at=(now - timedelta(days=30)).isoformat())
    outside_order(event="Feria")
    outside_order(event="Hoy")
    events = scans.gate_events(now=now)
    assert [event.value for event in events] == ["id:6", "id:5", "name:Feria"]
