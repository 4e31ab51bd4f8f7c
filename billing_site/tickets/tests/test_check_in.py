"""The gate: PAID becomes USED once, and every refusal says why."""

import pytest

from billing_site.payments import refunds
from billing_site.payments import services as payments
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.tests.fakes import FakeGateway
from billing_site.tickets import services
from billing_site.tickets.models import Admission, AuditEntry, Order, Ticket
from billing_site.tickets.services import CheckInRefused
from billing_site.tickets.tests.factories import arrived_order, outside_order, tickets_of
from billing_site.tickets.transitions import STEPS, ImpossibleTransition, move
from middleware_worker.outbox.models import OutboxMessage

pytestmark = pytest.mark.django_db(transaction=True)


def paid(order: Order) -> Ticket:
    payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    return tickets_of(order)[0]


def refusal(ticket: str, event: int | str | None = None) -> CheckInRefused:
    with pytest.raises(CheckInRefused) as caught:
        services.check_in(ticket=ticket, event=event, gate="2", by="guard")
    return caught.value


def test_the_holder_of_a_paid_ticket_is_let_in(gateway: FakeGateway) -> None:
    ticket = paid(arrived_order())
    services.check_in(ticket=ticket.external_id, gate="Norte", by="guard")
    ticket.refresh_from_db()
    admission = Admission.objects.get(ticket=ticket)
    assert (ticket.status, ticket.version, ticket.used_at) == ("USED", 3, admission.at)
    assert (admission.gate, admission.by) == ("Norte", "guard")
    last = OutboxMessage.objects.order_by("created_at").last()
    assert last is not None
    assert last.payload["tickets"][0]["status"] == "USED"
    assert AuditEntry.objects.filter(ticket=ticket, action="ticket.used", by="guard").exists()


def test_a_used_ticket_is_refused_with_when_and_where_it_was_used(gateway: FakeGateway) -> None:
    ticket = paid(arrived_order())
    services.check_in(ticket=ticket.external_id, gate="Norte", by="guard")
    no = refusal(ticket.external_id)
    assert (no.code, no.gate, no.at) == ("already_used", "Norte", Admission.objects.get().at)
    assert "Norte" in no.sentence


def test_each_other_refusal_has_its_reason(gateway: FakeGateway) -> None:
    pending, expired = (tickets_of(arrived_order())[0] for _ in range(2))
    services.expire_order(order=expired.order, by="test", reason="x")
    refunded = paid(arrived_order())
    refunds.refund_ticket(ticket=refunded, reason="", by="test")
    found = [refusal(ticket.external_id).code for ticket in (pending, expired, refunded)]
    assert found == ["not_paid", "expired", "refunded"]
    assert refusal("no-such-ticket").code == "unknown"
    assert not Admission.objects.exists()


@pytest.mark.parametrize("event", [1, "1", "Concierto Rock Nacional", " Concierto Rock Nacional ", None])
def test_a_gate_may_name_the_event_by_number_or_by_name(gateway: FakeGateway, event: int | str | None) -> None:
    ticket = paid(arrived_order())
    assert services.check_in(ticket=ticket.external_id, event=event, gate="1", by="g").status == "USED"


@pytest.mark.parametrize("event", [2, "2", "Feria", "²", ""])
def test_the_ticket_of_another_event_is_refused_and_stays_paid(gateway: FakeGateway, event: int | str) -> None:
    ticket = paid(arrived_order())
    assert refusal(ticket.external_id, event).code == "other_event"
    ticket.refresh_from_db()
    assert ticket.status == "PAID"


def test_an_outside_ticket_is_let_in_by_the_name_of_its_event(gateway: FakeGateway) -> None:
    ticket = paid(outside_order(event="Feria"))
    assert refusal(ticket.external_id, 1).code == "other_event"
    assert services.check_in(ticket=ticket.external_id, event="Feria", gate="1", by="g").status == "USED"


def test_every_step_that_is_not_allowed_is_refused_and_changes_nothing() -> None:
    order = arrived_order()
    for came_from, allowed in STEPS.items():
        for to in Ticket.Status:
            if to in allowed:
                continue
            (ticket,) = tickets_of(order)
            ticket.status = came_from
            with pytest.raises(ImpossibleTransition):
                move([ticket], to=to, order=order, by="test")
    assert [ticket.status for ticket in tickets_of(order)] == ["PENDING_PAYMENT"]
    assert not OutboxMessage.objects.exists()


def test_of_several_tickets_all_move_or_none(gateway: FakeGateway) -> None:
    order = arrived_order(2)
    first, second = tickets_of(order)
    second.status = Ticket.Status.REFUNDED
    with pytest.raises(ImpossibleTransition):
        move([first, second], to=Ticket.Status.PAID, order=order, by="test")
    first.refresh_from_db()
    assert (first.status, first.version) == ("PENDING_PAYMENT", 1)
