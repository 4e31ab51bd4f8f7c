"""A whole event is refunded: once, by any number of workers, whatever dies, and with a report of the rest."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from billing_site.event_refunds import locks, reservations, services
from billing_site.event_refunds.models import EventRefund, OrderToEnd
from billing_site.event_refunds.selectors import Subject, holds_back, preview, report
from billing_site.payments import refunds
from billing_site.payments import services as payments
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.tickets import services as tickets
from billing_site.tickets.messages import receive
from billing_site.tickets.models import AuditEntry, Order, Ticket
from billing_site.tickets.tests.factories import (
    arrived_order,
    create_message,
    expire_message,
    outside_order,
    tickets_of,
)
from billing_site.tickets.tests.races import at_once
from middleware_worker.outbox.models import OutboxMessage

ROCK = Subject(1, "Concierto Rock Nacional")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway", "sales_closed")]


@pytest.fixture
def sales_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What reservations says of every event."""
    said = {"status": reservations.CANCELLED}
    monkeypatch.setattr(reservations, "event_status", lambda event_id: said["status"])
    return said


def paid(seats: int = 1, **changes: Any) -> Order:
    order = arrived_order(seats, **{"name": "Ana", "email": "ana@example.cl", **changes})
    payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    return order


def begin(subject: Subject = ROCK) -> EventRefund:
    return services.start(subject=subject, reason="Lluvia", by="Finanzas")


def work(refund: EventRefund, rounds: int = 12, limit: int = 50) -> EventRefund:
    for _round in range(rounds):
        services.work(limit)
    refund.refresh_from_db()
    return refund


def statuses() -> list[str]:
    return sorted(Ticket.objects.values_list("status", flat=True))


def test_paid_tickets_are_refunded_unpaid_ones_expire_and_other_events_stay() -> None:
    paid(2), arrived_order()
    other = paid(event_id=2, event="Otro")
    refund = work(begin())
    assert refund.status == EventRefund.Status.DONE
    assert statuses() == ["EXPIRED", "PAID", "REFUNDED", "REFUNDED"]
    assert tickets_of(other)[0].status == "PAID"
    found = report(refund)
    assert (found.refunded, found.expired, found.money, found.percent, found.is_clean) == (2, 1, 10_000, 100, True)
    told = OutboxMessage.objects.filter(type="ticket.status").values_list("payload", flat=True)
    assert sorted(state["status"] for said in told for state in said["tickets"]).count("REFUNDED") == 2


def test_nothing_is_ended_before_reservations_has_closed_the_sale(sales_closed: dict[str, str]) -> None:
    paid()
    refund = begin()
    for status in (reservations.ON_SALE, reservations.UNKNOWN):
        sales_closed["status"] = status
        assert work(refund).status == EventRefund.Status.CLOSING
        assert statuses() == ["PAID"]
    sales_closed["status"] = reservations.CANCELLED
    assert work(refund).status == EventRefund.Status.DONE
    assert refund.closed_at is not None


def test_what_reservations_has_ended_before_it_could_is_in_the_report_too(sales_closed: dict[str, str]) -> None:
    sales_closed["status"] = reservations.ON_SALE
    created = create_message(1)
    receive([created])
    payments.pay(
        order=Order.objects.get(code=created["order"]), card=Card(simulator.APPROVES), idempotency_key=None, by="test"
    )
    refund = work(begin())
    # The box office cancels: its message about the order is here before we have seen that the sale is closed.
    assert receive([expire_message(created, reason="event_cancelled", refund_paid=True)])[0].result == "done"
    sales_closed["status"] = reservations.CANCELLED
    assert work(refund).status == EventRefund.Status.DONE
    found = report(refund)
    assert (found.total, found.percent, found.refunded, found.money) == (1, 100, 1, 5_000)
    assert Refund.objects.count() == 1


def test_asked_for_twice_it_is_the_same_one_and_the_money_moves_once() -> None:
    paid(2)
    first, second = begin(), begin()
    assert first == second
    work(first)
    again = work(begin())
    assert again != first
    assert Refund.objects.count() == 2
    assert report(again).refunded == 0


def test_the_database_refuses_a_second_live_one() -> None:
    first = begin()
    with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
        EventRefund.objects.create(subject=first.subject, event="x", status="running", reason="x", by="x")


def test_paused_it_ends_nothing_and_resumed_it_goes_on_where_it_stopped() -> None:
    for _n in range(3):
        paid()
    refund = begin()
    services.work(1), services.work(1), services.work(1)
    assert statuses().count("REFUNDED") == 1
    services.pause(refund=refund, by="Finanzas")
    work(refund, limit=1)
    assert statuses().count("REFUNDED") == 1
    services.resume(refund=refund, by="Finanzas")
    assert work(refund).status == EventRefund.Status.DONE
    assert statuses() == ["REFUNDED"] * 3


def test_while_it_is_paused_what_reservations_asks_for_waits_too_but_unpaid_tickets_run_out() -> None:
    created = create_message(1)
    receive([created])
    order = Order.objects.get(code=created["order"])
    payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    unpaid = create_message(1)
    receive([unpaid])
    refund = services.pause(refund=begin(), by="Finanzas")
    assert holds_back(1, created["order"])
    asked = [expire_message(one, reason="event_cancelled", refund_paid=True) for one in (created, unpaid)]
    first, second = receive(asked)
    assert (first.result, first.code, second.result) == ("wait", "refund_paused", "done")
    assert statuses() == ["EXPIRED", "PAID"]
    services.resume(refund=refund, by="Finanzas")
    # It was paused before it had counted anything: what is asked for may not end what its report would then miss.
    assert receive(asked[:1])[0].result == "wait"
    assert work(refund).status == EventRefund.Status.DONE
    assert (report(refund).total, report(refund).refunded, report(refund).percent) == (1, 1, 100)
    assert receive(asked[:1])[0].result == "done"
    assert statuses() == ["EXPIRED", "REFUNDED"]
    assert Refund.objects.count() == 1


def test_a_used_ticket_stays_and_is_in_the_report() -> None:
    order = paid(2)
    tickets.check_in(ticket=tickets_of(order)[0].external_id, gate="Norte", by="Pía")
    refund = work(begin())
    assert statuses() == ["REFUNDED", "USED"]
    found = report(refund)
    assert (found.used_count, found.look_count, found.is_clean) == (1, 1, False)


def test_an_order_whose_payment_is_unknown_waits_and_is_ended_afterwards() -> None:
    order = arrived_order()
    attempt = PaymentAttempt.objects.create(order=order, gateway="x", amount=5000, status="unknown")
    refund = work(begin())
    assert (refund.status, report(refund).waiting) == (EventRefund.Status.RUNNING, 1)
    PaymentAttempt.objects.filter(pk=attempt.pk).update(status="declined")
    refund.orders.update(next_try_at=refund.created_at)
    assert work(refund).status == EventRefund.Status.DONE
    assert statuses() == ["EXPIRED"]


@pytest.mark.django_db(transaction=True)
def test_what_breaks_at_one_order_does_not_stop_the_others_and_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, _good = paid(), paid()
    real = refunds.paying_attempt

    def broken(order: Order) -> PaymentAttempt:
        if order.pk == bad.pk:
            raise PaymentAttempt.MultipleObjectsReturned("two captures")
        return real(order)

    monkeypatch.setattr(refunds, "paying_attempt", broken)
    refund = work(begin())
    assert statuses() == ["PAID", "REFUNDED"]
    assert "two captures" in report(refund).looks[0].note
    monkeypatch.setattr(refunds, "paying_attempt", real)
    assert services.try_again(refund=refund, by="Finanzas") == 1
    assert work(refund).status == EventRefund.Status.DONE
    assert statuses() == ["REFUNDED", "REFUNDED"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_in_the_middle_of_an_order_leaves_it_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    paid(2)
    refund = begin()
    services.work(), services.work()
    before = services._count
    monkeypatch.setattr(services, "_count", lambda *_a, **_k: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        services.work()
    assert statuses() == ["PAID", "PAID"]
    assert refund.orders.get().status == OrderToEnd.Status.DUE
    monkeypatch.setattr(services, "_count", before)
    assert work(refund).status == EventRefund.Status.DONE
    assert Refund.objects.count() == 2


def test_an_outside_event_needs_no_closing_and_takes_its_exact_name() -> None:
    outside_order(event="Feria"), outside_order(event="feria")
    subject = Subject(None, "Feria")
    assert preview(subject).expired == 1
    work(begin(subject))
    assert dict(Ticket.objects.values_list("event", "status")) == {"Feria": "EXPIRED", "feria": "PENDING_PAYMENT"}


def test_the_preview_says_what_the_refund_then_does() -> None:
    paid(2), arrived_order(), paid(email="")
    order = paid(2)
    tickets.check_in(ticket=tickets_of(order)[0].external_id, gate="Norte", by="Pía")
    said = preview(ROCK)
    assert (said.refunded, said.money, said.expired, said.used, said.mails, said.without_mail) == (
        4,
        20_000,
        1,
        1,
        3,
        1,
    )
    found = report(work(begin()))
    assert (found.refunded, found.money, found.expired, found.used_count) == (4, 20_000, 1, 1)
    assert found.unreachable == 1


def test_each_step_is_in_the_audit_with_who_took_it() -> None:
    paid()
    refund = begin()
    services.pause(refund=refund, by="Eva")
    services.resume(refund=refund, by="Eva")
    work(refund)
    entries = AuditEntry.objects.filter(action__startswith="event_refund.").order_by("id").values_list("action", "by")
    assert list(entries) == [
        ("event_refund.started", "Finanzas"),
        ("event_refund.paused", "Eva"),
        ("event_refund.resumed", "Eva"),
        ("event_refund.closed", "job"),
        ("event_refund.finished", "job"),
    ]
    assert AuditEntry.objects.get(action="ticket.refunded").reason == "Lluvia"


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_orders_and_refund_each_once() -> None:
    for _n in range(6):
        paid()
    refund = begin()
    services.work(), services.work()

    def run() -> None:
        for _round in range(8):
            services.work(3)

    assert at_once(run, run) == [None, None]
    assert work(refund).status == EventRefund.Status.DONE
    assert (Refund.objects.count(), AuditEntry.objects.filter(action="ticket.refunded").count()) == (6, 6)
    # Six that were paid, six that were refunded: each told once.
    assert OutboxMessage.objects.filter(type="ticket.status").count() == 12


@pytest.mark.django_db(transaction=True)
def test_an_order_in_another_workers_hands_is_passed_over() -> None:
    paid()
    refund = begin()
    services.work(), services.work()
    row = refund.orders.get()

    def look() -> OrderToEnd | None:
        with transaction.atomic():
            return locks.due_order(row.pk, now=timezone.now())

    with transaction.atomic():
        assert look() is not None
        assert at_once(look) == [None]
