"""Refunds: the ticket first, once; the money later, however often it takes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing_site.payments import refunds, services
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import Refund
from billing_site.payments.tests.fakes import FakeGateway
from billing_site.tickets import services as tickets
from billing_site.tickets.models import Order, Ticket
from billing_site.tickets.tests.factories import arrived_order, tickets_of
from middleware_worker.outbox.models import OutboxMessage

pytestmark = pytest.mark.django_db(transaction=True)


def paid_order(number: str = simulator.APPROVES, **changes: object) -> Order:
    order = arrived_order(**changes)  # type: ignore[arg-type]
    services.pay(order=order, card=Card(number), idempotency_key=None, by="test")
    return order


def give_back(ticket: Ticket) -> Ticket:
    return refunds.refund_ticket(ticket=ticket, reason="no puedo ir", by="test")


def make_due() -> None:
    Refund.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_one_ticket_of_an_order_is_refunded_and_the_other_stays(gateway: FakeGateway) -> None:
    order = paid_order(prices=[3000, 4000])
    first, second = tickets_of(order)
    assert give_back(first).status == "REFUNDED"
    second.refresh_from_db()
    assert second.status == "PAID"
    refund = Refund.objects.get()
    assert (refund.status, refund.amount, refund.ticket_id) == ("due", first.price, first.pk)
    assert gateway.refunded == 0
    row = OutboxMessage.objects.order_by("created_at").last()
    assert row is not None
    assert [(t["id"], t["status"], t["n"]) for t in row.payload["tickets"]] == [(first.external_id, "REFUNDED", 3)]
    refunds.run_refunds()
    refund.refresh_from_db()
    assert (refund.status, gateway.refunded) == ("done", first.price)


def test_a_ticket_is_refunded_once(gateway: FakeGateway) -> None:
    (ticket,) = tickets_of(paid_order())
    give_back(ticket)
    with pytest.raises(refunds.NotRefundable):
        give_back(ticket)
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("status", ["PENDING_PAYMENT", "USED", "EXPIRED"])
def test_what_is_not_paid_or_was_used_is_not_refunded(gateway: FakeGateway, status: str) -> None:
    order = arrived_order() if status == "PENDING_PAYMENT" else paid_order()
    (ticket,) = tickets_of(order)
    if status == "USED":
        tickets.check_in(ticket=ticket.external_id, gate="1", by="test")
    if status == "EXPIRED":
        order = arrived_order()
        (ticket,) = tickets_of(order)
        tickets.expire_order(order=order, by="test", reason="x")
    with pytest.raises(refunds.NotRefundable):
        give_back(ticket)
    ticket.refresh_from_db()
    assert ticket.status == status
    assert not Refund.objects.exists()


def test_a_refund_whose_answer_is_lost_is_asked_again_and_done_once(gateway: FakeGateway) -> None:
    (ticket,) = tickets_of(paid_order(simulator.SLOW_REFUND))
    # The first answer is lost; the simulator's own test shows what the second one says.
    give_back(ticket)
    refunds.run_refunds()
    refund = Refund.objects.get()
    assert refund.status == Refund.Status.UNKNOWN
    assert refunds.run_refunds() == 0, "it waits before it asks again"
    make_due()
    refunds.run_refunds()
    refund.refresh_from_db()
    assert (refund.status, refund.tries, gateway.refunded) == ("done", 2, 5000)


def test_a_refused_refund_stays_visible_and_can_be_tried_again(gateway: FakeGateway) -> None:
    (ticket,) = tickets_of(paid_order(simulator.NO_REFUND))
    give_back(ticket)
    refunds.run_refunds()
    refund = Refund.objects.get()
    assert refund.status == Refund.Status.FAILED
    make_due()
    assert refunds.run_refunds() == 0
    assert refunds.try_again(refund=refund, by="test")
    assert refunds.run_refunds() == 1
    refund.refresh_from_db()
    assert not refunds.try_again(refund=Refund.objects.create(attempt=refund.attempt, amount=1, by="x"), by="test")


def test_a_refund_that_a_dead_process_had_claimed_is_asked_again(gateway: FakeGateway) -> None:
    (ticket,) = tickets_of(paid_order())
    give_back(ticket)
    assert len(refunds._claim(10)) == 1
    assert refunds.run_refunds() == 0
    make_due()
    assert refunds.run_refunds() == 1
    assert gateway.refunded == 5000


def test_two_refunds_of_one_ticket_are_refused_by_the_database(gateway: FakeGateway) -> None:
    from django.db import IntegrityError

    (ticket,) = tickets_of(paid_order())
    give_back(ticket)
    refund = Refund.objects.get()
    with pytest.raises(IntegrityError):
        Refund.objects.create(attempt=refund.attempt, ticket=ticket, amount=1, by="x")
