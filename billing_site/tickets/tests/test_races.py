"""Two who want the same thing at the same moment, with real threads on the real engine.

Each race has a control: with the lock taken out, and the two held where the lock would have held one of
them, both get it. On SQLite a write transaction begins with the only lock there is: no controls there.
"""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models.query import QuerySet

from billing_site.payments import refunds
from billing_site.payments import services as payments
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import PaymentAttempt
from billing_site.payments.tests.fakes import FakeGateway
from billing_site.tickets import locks, services
from billing_site.tickets.messages import receive
from billing_site.tickets.models import Admission, AuditEntry, Order, Ticket
from billing_site.tickets.tests.factories import (
    arrived_order,
    create_message,
    expire_message,
    outside_message,
    tickets_of,
)
from billing_site.tickets.tests.races import at_once
from middleware_worker.contract.messages import Answer
from middleware_worker.outbox.models import OutboxMessage

pytestmark = pytest.mark.django_db(transaction=True)


def pay(order: Order, key: str | None = None) -> PaymentAttempt:
    return payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=key, by="test")


def paid_ticket() -> Ticket:
    order = arrived_order()
    pay(order)
    return tickets_of(order)[0]


def check_in(ticket: Ticket, gate: str) -> Ticket:
    return services.check_in(ticket=ticket.external_id, gate=gate, by=f"guard {gate}")


def give_back(ticket: Ticket) -> Ticket:
    return refunds.refund_ticket(ticket=ticket, reason="", by="buyer")


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`select_for_update` does nothing, and whoever has read the ticket waits until the other has read it too."""
    if connection.vendor == "sqlite":
        # BEGIN IMMEDIATE is a lock that cannot be taken out.
        yield
        return
    both, waited = threading.Barrier(2), set()
    read = locks.ticket_with_order

    def read_and_wait(external_id: str) -> Any:
        found = read(external_id)
        # Once each: a transaction that is run again after a deadlock does not find the other there any more.
        if (external_id, threading.get_ident()) not in waited:
            waited.add((external_id, threading.get_ident()))
            both.wait(timeout=10)
        return found

    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)
    monkeypatch.setattr(locks, "ticket_with_order", read_and_wait)
    yield


def test_a_ticket_is_used_or_refunded_but_never_both(gateway: FakeGateway) -> None:
    for _ in range(20):
        ticket = paid_ticket()
        used, refunded = at_once(lambda t=ticket: check_in(t, "1"), lambda t=ticket: give_back(t))
        ticket.refresh_from_db()
        assert [isinstance(used, Ticket), isinstance(refunded, Ticket)].count(True) == 1, (used, refunded)
        assert ticket.status == ("USED" if isinstance(used, Ticket) else "REFUNDED")
        assert Admission.objects.filter(ticket=ticket).exists() == (ticket.status == "USED")
        assert hasattr(ticket, "refund") == (ticket.status == "REFUNDED")


def test_control_without_the_lock_a_ticket_is_used_and_refunded(gateway: FakeGateway, without_locks: None) -> None:
    if connection.vendor == "sqlite":
        return
    # Several tries: after a deadlock one of the two is run again, and then it sees what the other did.
    tries = []
    while len(tries) < 20 and ["Ticket", "Ticket"] not in tries:
        ticket = paid_ticket()
        results = at_once(lambda t=ticket: check_in(t, "1"), lambda t=ticket: give_back(t))
        tries.append([type(result).__name__ for result in results])
    assert ["Ticket", "Ticket"] in tries, tries


def test_the_second_gate_is_refused_when_two_scan_the_same_ticket(gateway: FakeGateway) -> None:
    for _ in range(10):
        ticket = paid_ticket()
        results = at_once(*(lambda t=ticket, g=gate: check_in(t, g) for gate in "1234"))
        let_in = [result for result in results if isinstance(result, Ticket)]
        refused = [result for result in results if isinstance(result, services.CheckInRefused)]
        assert (len(let_in), [refusal.code for refusal in refused]) == (1, ["already_used"] * 3)
        admission = Admission.objects.get(ticket=ticket)
        assert {(refusal.gate, refusal.at) for refusal in refused} == {(admission.gate, admission.at)}
        ticket.refresh_from_db()
        assert (ticket.status, ticket.version) == ("USED", 3)


def test_the_database_has_the_last_word_even_without_the_lock(gateway: FakeGateway, without_locks: None) -> None:
    ticket = paid_ticket()
    results = at_once(lambda: check_in(ticket, "1"), lambda: check_in(ticket, "2"))
    assert sorted(type(result).__name__ for result in results) == ["CheckInRefused", "Ticket"], results
    assert Admission.objects.filter(ticket=ticket).count() == 1


def test_a_double_click_pays_once(gateway: FakeGateway) -> None:
    for _ in range(10):
        gateway.reset()
        order = arrived_order()
        results = at_once(*(lambda o=order: pay(o, "the-same-key") for _ in range(4)))
        assert len({attempt.pk for attempt in results}) == 1, results
        assert gateway.captured == 5000
        assert [ticket.status for ticket in tickets_of(order)] == ["PAID"]


def test_two_browsers_that_pay_the_same_order_pay_once(gateway: FakeGateway) -> None:
    for _ in range(10):
        gateway.reset()
        order = arrived_order()
        results = at_once(lambda o=order: pay(o, "a"), lambda o=order: pay(o, "b"))
        paid = [result for result in results if isinstance(result, PaymentAttempt)]
        assert len(paid) == 1, results
        assert all(isinstance(r, PaymentAttempt | payments.PaymentOpen | payments.NotPending) for r in results)
        assert gateway.captured == 5000


def test_an_order_is_paid_or_runs_out_never_both_and_never_neither(gateway: FakeGateway) -> None:
    ends = set()
    for number in range(200):
        gateway.reset()
        message = create_message(2)
        receive([message])
        order = Order.objects.get(code=message["order"])

        def expire(asked: dict[str, Any] = message) -> Answer:
            return receive([expire_message(asked)])[0]

        calls = [lambda o=order: pay(o), expire]
        first, second = at_once(*(calls if number % 2 else reversed(calls)))
        paid, answer = (first, second) if number % 2 else (second, first)
        if answer.result == "wait":
            answer = expire()
        statuses = [ticket.status for ticket in tickets_of(order)]
        assert statuses in (["PAID", "PAID"], ["EXPIRED", "EXPIRED"]), (number, paid, answer)
        assert answer.result == "done"
        assert [state.status for state in answer.tickets] == statuses
        assert isinstance(paid, PaymentAttempt) == (statuses[0] == "PAID"), paid
        assert gateway.captured == (10_000 if statuses[0] == "PAID" else 0)
        ends.add(statuses[0])
    assert "PAID" in ends


def test_the_same_reservation_carried_by_four_at_once_arrives_once() -> None:
    for _ in range(10):
        batch = [create_message(2, rut=6_000_000 + seat) for seat in range(10)] + [outside_message()]
        results = at_once(*(lambda b=batch: receive(b) for _ in range(4)))
        for answers in results:
            assert not isinstance(answers, Exception), answers
            assert [answer.result for answer in answers] == ["done"] * 11
            assert answers == results[0]
        codes = [item.get("order", item["id"]) for item in batch]
        assert Order.objects.filter(code__in=codes).count() == 11
        assert Ticket.objects.filter(order__code__in=codes).count() == 21
        assert AuditEntry.objects.filter(order__code__in=codes).count() == 11


def test_a_reservation_and_its_expiry_that_cross_end_the_same_way() -> None:
    for _ in range(30):
        message = create_message(2)
        created, expired = at_once(lambda m=message: receive([m])[0], lambda m=message: receive([expire_message(m)])[0])
        assert (created.result, expired.result) == ("done", "done")
        assert {state.status for state in expired.tickets} == {"EXPIRED"}
        (again,) = receive([message])
        assert {state.status for state in again.tickets} == {"EXPIRED"}
    assert not OutboxMessage.objects.exists()


def test_two_orders_that_want_one_seat_leave_one_live_ticket() -> None:
    for _ in range(10):
        first, second = create_message(), create_message()
        second["tickets"][0]["seat_id"] = first["tickets"][0]["seat_id"]
        answers = at_once(lambda m=first: receive([m])[0], lambda m=second: receive([m])[0])
        assert sorted(answer.result for answer in answers) == ["done", "rejected"], answers
        assert {answer.code for answer in answers} == {"", "seat_conflict"}
        assert Ticket.objects.filter(live_seat=first["tickets"][0]["seat_id"]).count() == 1
