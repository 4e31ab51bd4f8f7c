"""Paying: what billing decides under the lock, and what it does when the gateway's answer is late, lost or no."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from billing_site.documents.models import Document
from billing_site.payments import refunds, services
from billing_site.payments.gateway import CERTAIN, simulator
from billing_site.payments.gateway.base import Card, Outcome, Result
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.payments.tests.fakes import UNREACHABLE, FakeGateway
from billing_site.tickets import services as tickets
from billing_site.tickets.models import AuditEntry, Order, Ticket
from billing_site.tickets.tests.factories import arrived_order, outside_order, tickets_of
from middleware_worker.outbox.models import OutboxMessage

pytestmark = pytest.mark.django_db(transaction=True)

Status = PaymentAttempt.Status


def pay(order: Order, number: str = simulator.APPROVES, key: str | None = None) -> PaymentAttempt:
    return services.pay(order=order, card=Card(number), idempotency_key=key, by="test")


def make_older(attempt: PaymentAttempt, seconds: float) -> None:
    long_ago = timezone.now() - timedelta(seconds=seconds)
    PaymentAttempt.objects.filter(pk=attempt.pk).update(created_at=long_ago, asked_at=long_ago)


def statuses(order: Order) -> list[str]:
    return [ticket.status for ticket in tickets_of(order)]


def test_a_paid_order_has_paid_tickets_documents_one_outbox_row_and_an_audit_trail(gateway: FakeGateway) -> None:
    order = arrived_order(prices=[5000, 7000])
    attempt = pay(order)
    assert attempt.status == Status.CAPTURED
    assert (attempt.amount, attempt.card_last4, gateway.captured) == (12000, "1111", 12000)
    assert statuses(order) == ["PAID", "PAID"]
    assert all(ticket.version == 2 and ticket.paid_at for ticket in tickets_of(order))
    assert Document.objects.filter(ticket__order=order).count() == 2
    row = OutboxMessage.objects.get(type="ticket.status")
    assert row.aggregate == order.code
    assert {ticket["status"] for ticket in row.payload["tickets"]} == {"PAID"}
    assert {ticket["n"] for ticket in row.payload["tickets"]} == {2}
    actions = list(AuditEntry.objects.filter(order=order).order_by("id").values_list("action", flat=True))
    assert actions == ["order.received", "payment.started", "payment.captured", "ticket.paid", "ticket.paid"]


def test_an_outside_ticket_that_is_paid_tells_reservations_nothing(gateway: FakeGateway) -> None:
    order = outside_order()
    assert pay(order).status == Status.CAPTURED
    assert statuses(order) == ["PAID"]
    assert not OutboxMessage.objects.exists()


def test_no_card_number_is_stored(gateway: FakeGateway) -> None:
    order = arrived_order()
    pay(order)
    for model in (PaymentAttempt, AuditEntry):
        assert all("4111" not in str(row) for row in model.objects.values())


def test_the_gateway_is_asked_outside_of_any_transaction(gateway: FakeGateway) -> None:
    seen = []
    gateway.before_answer = lambda: seen.append(connection.in_atomic_block)
    pay(arrived_order())
    assert seen == [False]


def test_the_attempt_is_on_record_before_the_gateway_is_asked(gateway: FakeGateway) -> None:
    order, seen = arrived_order(), []
    gateway.before_answer = lambda: seen.extend(order.attempts.values_list("status", flat=True))
    pay(order)
    assert seen == ["started"]


def test_the_same_key_charges_once_and_gives_the_same_answer(gateway: FakeGateway) -> None:
    order = arrived_order()
    first, second = pay(order, key="a"), pay(order, key="a")
    assert first.pk == second.pk
    assert second.status == Status.CAPTURED
    assert gateway.captured == 5000


def test_a_declined_order_can_be_paid_with_another_key(gateway: FakeGateway) -> None:
    order = arrived_order()
    assert pay(order, simulator.DECLINES, key="a").status == Status.DECLINED
    assert pay(order, simulator.APPROVES, key="a").status == Status.DECLINED
    assert statuses(order) == ["PENDING_PAYMENT"]
    assert pay(order, simulator.APPROVES, key="b").status == Status.CAPTURED
    assert statuses(order) == ["PAID"]


def test_a_paid_order_is_not_paid_again(gateway: FakeGateway) -> None:
    order = arrived_order()
    pay(order, key="a")
    with pytest.raises(services.NotPending):
        pay(order, key="b")
    assert gateway.captured == 5000


def test_while_a_payment_is_unknown_no_other_begins(gateway: FakeGateway) -> None:
    order = arrived_order()
    assert pay(order, simulator.SLOW, key="a").status == Status.UNKNOWN
    assert pay(order, key="a").status == Status.UNKNOWN
    with pytest.raises(services.PaymentOpen):
        pay(order, key="b")
    assert gateway.captured == 5000


def test_an_unreachable_gateway_leaves_nothing_open_and_the_key_free(gateway: FakeGateway) -> None:
    order = arrived_order()
    with pytest.raises(services.NothingStarted):
        pay(order, UNREACHABLE, key="a")
    assert pay(order, key="a").status == Status.CAPTURED


def test_a_hold_that_ran_out_can_be_paid_while_its_tickets_are_pending(gateway: FakeGateway) -> None:
    order = arrived_order(expires_at=(timezone.now() - timedelta(minutes=1)).isoformat())
    assert pay(order).status == Status.CAPTURED


def test_an_order_that_costs_nothing_is_paid_without_a_gateway(gateway: FakeGateway) -> None:
    order = arrived_order(prices=[0, 0])
    attempt = pay(order, key="a")
    assert (attempt.status, attempt.gateway, gateway.calls) == (Status.CAPTURED, CERTAIN, [])
    assert statuses(order) == ["PAID", "PAID"]
    refunds.refund_ticket(ticket=tickets_of(order)[0], reason="", by="test")
    assert not Refund.objects.exists()


def test_an_unknown_payment_is_settled_by_asking_again(gateway: FakeGateway) -> None:
    order = arrived_order()
    attempt = pay(order, simulator.SLOW)
    make_older(attempt, 10)
    assert services.settle_attempts() == 1
    assert statuses(order) == ["PAID"]
    assert services.settle_attempts() == 0


def test_a_payment_whose_process_died_is_settled_by_asking(gateway: FakeGateway) -> None:
    order, card = arrived_order(), Card(simulator.APPROVES)
    attempt, _ = services.begin(order=order, card=card, idempotency_key=None, through=gateway, by="test")
    gateway.charge(reference=attempt.reference, amount=5000, card=card)
    assert services.settle_attempts() == 0, "its caller may still be waiting"
    make_older(attempt, 60)
    services.settle_attempts()
    assert statuses(order) == ["PAID"]


def test_not_found_is_not_final_while_the_attempt_may_still_capture(gateway: FakeGateway, settings: Any) -> None:
    settings.ATTEMPT_TTL_SECONDS = 300
    order = arrived_order()
    attempt = pay(order, simulator.SWALLOWS)
    make_older(attempt, 290)
    services.settle_attempts()
    attempt.refresh_from_db()
    assert attempt.status == Status.UNKNOWN
    make_older(attempt, 310)
    services.settle_attempts()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.error) == (Status.DECLINED, services.NOT_FOUND)
    assert pay(order, key="again").status == Status.CAPTURED


def test_a_capture_that_shows_up_after_not_found_goes_back_by_itself(gateway: FakeGateway) -> None:
    order = arrived_order()
    attempt = pay(order, simulator.LATE)
    make_older(attempt, 1000)
    services.settle_attempts()
    assert pay(order, key="again").status == Status.CAPTURED
    gateway.capture_late_ones()
    make_older(attempt, 1000)
    services.settle_attempts()
    refund = Refund.objects.get(attempt=attempt)
    assert (refund.ticket, refund.amount, refund.by) == (None, 5000, "system")
    assert refunds.run_refunds() == 1
    assert gateway.captured - gateway.refunded == 5000
    assert statuses(order) == ["PAID"]


def test_a_capture_for_an_order_that_ended_meanwhile_is_refunded_whole(gateway: FakeGateway) -> None:
    order, card = arrived_order(prices=[5000, 7000]), Card(simulator.APPROVES)
    attempt, _ = services.begin(order=order, card=card, idempotency_key=None, through=gateway, by="test")
    services.settle(attempt=attempt, result=Result(Outcome.DECLINED, services.NOT_FOUND), by="test")
    gateway.charge(reference=attempt.reference, amount=12000, card=card)
    tickets.expire_order(order=order, by="test", reason="hold_ran_out")
    services.settle(attempt=attempt, result=Result(Outcome.CAPTURED), by="test")
    services.settle(attempt=attempt, result=Result(Outcome.CAPTURED), by="test")
    assert statuses(order) == ["EXPIRED", "EXPIRED"]
    refunds.run_refunds()
    assert (gateway.captured, gateway.refunded) == (12000, 12000)
    assert Refund.objects.get().status == Refund.Status.DONE


def test_a_repeated_answer_of_the_gateway_changes_nothing_twice(gateway: FakeGateway) -> None:
    order = arrived_order()
    attempt = pay(order)
    for outcome in (Outcome.CAPTURED, Outcome.DECLINED, Outcome.UNKNOWN, Outcome.NOT_FOUND):
        services.settle(attempt=attempt, result=Result(outcome), by="test")
    assert statuses(order) == ["PAID"]
    assert not Refund.objects.exists()
    assert OutboxMessage.objects.count() == 1


def test_when_settling_fails_nothing_of_it_is_written(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    order, card = arrived_order(), Card(simulator.APPROVES)
    attempt, _ = services.begin(order=order, card=card, idempotency_key=None, through=gateway, by="test")

    def broken(**_: object) -> None:
        raise RuntimeError("the printer is on fire")

    monkeypatch.setattr(services.documents, "order_paid", broken)
    with pytest.raises(RuntimeError):
        services.settle(attempt=attempt, result=Result(Outcome.CAPTURED), by="test")
    attempt.refresh_from_db()
    assert (attempt.status, statuses(order)) == (Status.STARTED, ["PENDING_PAYMENT"])
    assert not OutboxMessage.objects.exists()
    assert not AuditEntry.objects.filter(action="payment.captured").exists()


def test_one_attempt_that_cannot_be_asked_about_does_not_keep_the_others_waiting(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [arrived_order() for _ in range(3)]
    attempts = [pay(order, simulator.SLOW) for order in orders]
    for attempt in attempts:
        make_older(attempt, 10)
    ask = gateway.lookup

    def lookup(*, reference: str) -> Result:
        if reference == attempts[0].reference:
            raise RuntimeError("cannot be asked")
        return ask(reference=reference)

    monkeypatch.setattr(gateway, "lookup", lookup)
    with pytest.raises(RuntimeError):
        services.settle_attempts()
    assert [statuses(order) for order in orders] == [["PENDING_PAYMENT"], ["PAID"], ["PAID"]]


def test_money_captured_minus_refunded_is_what_paid_tickets_cost(gateway: FakeGateway) -> None:
    orders = [arrived_order(prices=[3000, 4000]) for _ in range(6)]
    cards = [simulator.APPROVES, simulator.DECLINES, simulator.SLOW, simulator.LATE, simulator.SWALLOWS]
    for order, number in zip(orders, [*cards, simulator.APPROVES], strict=True):
        pay(order, number)
    refunds.refund_ticket(ticket=tickets_of(orders[0])[1], reason="", by="test")
    for attempt in PaymentAttempt.objects.all():
        make_older(attempt, 1000)
    services.settle_attempts()
    gateway.capture_late_ones()
    for attempt in PaymentAttempt.objects.all():
        make_older(attempt, 1000)
    services.settle_attempts()
    refunds.run_refunds()
    paid = Ticket.objects.filter(status__in=["PAID", "USED"])
    assert gateway.captured - gateway.refunded == sum(ticket.price for ticket in paid) == 17000
    assert not Refund.objects.exclude(status=Refund.Status.DONE).exists()
