"""What billing answers to messages."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site
from django.utils import timezone

from billing_site.accounts.models import Person
from billing_site.documents.models import Mail
from billing_site.payments import services as payments
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import Refund
from billing_site.payments.tests.fakes import FakeGateway
from billing_site.tickets import generations, services
from billing_site.tickets.messages import apply, receive
from billing_site.tickets.models import AuditEntry, Order, Ticket
from billing_site.tickets.tests.factories import (
    RUT,
    arrived_order,
    create_message,
    expire_message,
    outside_message,
    outside_order,
    tickets_of,
)
from middleware_worker.outbox.models import OutboxMessage

pytestmark = pytest.mark.django_db(transaction=True)


def versions(answer: Any) -> list[tuple[str, int, int]]:
    return [(state.status, state.generation, state.n) for state in answer.tickets]


def test_an_order_arrives_with_its_tickets_and_a_placeholder() -> None:
    message = create_message(2, prices=[5000, 7000], name="Ana", email=" Ana@Example.CL ")
    (answer,) = receive([message])
    assert (answer.id, answer.result) == (message["id"], "done")
    assert versions(answer) == [("PENDING_PAYMENT", 1, 1)] * 2
    order = Order.objects.get(code=message["order"])
    assert (order.person_id, order.name, order.email, order.event_id) == (RUT, "Ana", "ana@example.cl", 1)
    assert [(t.external_id, t.seat_id, int(t.price)) for t in tickets_of(order)] == [
        (seat["id"], seat["seat_id"], seat["price"]) for seat in message["tickets"]
    ]
    person = Person.objects.get(rut=RUT)
    assert person.is_placeholder
    assert person.password is None
    assert Mail.objects.get().kind == "order_received"
    assert AuditEntry.objects.filter(order=order, action="order.received", by="reservations").count() == 1
    assert not OutboxMessage.objects.exists()


def test_the_same_message_again_changes_nothing() -> None:
    message = create_message(2)
    first, second = receive([message])[0], receive([message])[0]
    assert first == second
    assert Ticket.objects.count() == 2
    assert AuditEntry.objects.count() == 1


def test_one_batch_holds_the_same_message_twice() -> None:
    message, outside = create_message(), outside_message()
    answers = receive([message, outside, message, outside])
    assert [answer.result for answer in answers] == ["done"] * 4
    assert Ticket.objects.count() == 2


def test_a_late_create_of_a_paid_order_is_answered_with_what_became_of_it(gateway: FakeGateway) -> None:
    message = create_message()
    receive([message])
    order = Order.objects.get(code=message["order"])
    payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    assert versions(receive([message])[0]) == [("PAID", 1, 2)]


def test_what_is_no_message_is_rejected_and_the_others_go_in() -> None:
    items: list[dict[str, Any]] = [
        create_message(),
        {},
        {"type": "ticket.create", "id": "x"},
        outside_message(rut=-1),
        outside_message(price=float("nan")),
        outside_message("TF-ours"),
        create_message(rut=0),
        create_message(),
    ]
    answers = receive(items)
    assert [answer.result for answer in answers] == ["done"] + ["rejected"] * 6 + ["done"]
    assert {answer.code for answer in answers if answer.result == "rejected"} == {"invalid"}
    assert all(answer.error for answer in answers if answer.result == "rejected")


@pytest.mark.parametrize(
    "change",
    [
        {"event_id": 2**70},
        {"event_id": 0},
        {"starts_at": "0001-01-01T00:00:00Z"},
        {"expires_at": "9999-12-31T23:59:59-12:00"},
    ],
)
def test_what_no_column_can_hold_is_rejected_alone(change: dict[str, Any]) -> None:
    good, bad, better = create_message(), create_message(**change), create_message()
    answers = receive([good, bad, better])
    assert [(a.result, a.code) for a in answers] == [("done", ""), ("rejected", "invalid"), ("done", "")]


def test_texts_for_people_are_cut_and_a_wrong_address_is_left_out() -> None:
    message = create_message(name="ñ" * 500, venue="v" * 500, email="no es un correo")
    message["tickets"][0].update(seat="s" * 190, section="😀" * 200)
    assert receive([message])[0].result == "done"
    order = Order.objects.get()
    assert (len(order.name), len(order.venue), order.email) == (200, 200, "")
    assert tickets_of(order)[0].section == "😀" * 60


def test_a_seat_with_a_live_ticket_is_refused_and_the_rest_of_the_batch_goes_in() -> None:
    first = create_message(2)
    receive([first])
    second = create_message(2)
    second["tickets"][1]["seat_id"] = first["tickets"][0]["seat_id"]
    answers = receive([second, create_message()])
    assert [(a.result, a.code) for a in answers] == [("rejected", "seat_conflict"), ("done", "")]
    assert first["tickets"][0]["id"] in answers[0].error
    assert not Order.objects.filter(code=second["order"]).exists()
    receive([expire_message(first)])
    assert receive([second])[0].result == "done"


def test_a_ticket_id_of_another_order_is_a_conflict() -> None:
    first, second = create_message(), create_message()
    receive([first])
    second["tickets"][0]["id"] = first["tickets"][0]["id"]
    assert [(a.result, a.code) for a in receive([second])] == [("rejected", "conflict")]
    assert [(a.result, a.code) for a in receive([expire_message(second)])] == [("rejected", "conflict")]


@pytest.mark.parametrize("changed", ["rut", "tickets"])
def test_the_same_order_with_other_content_is_a_conflict(changed: str) -> None:
    message = create_message()
    receive([message])
    other = {**message, "rut": 7} if changed == "rut" else {**message, "tickets": create_message()["tickets"]}
    assert [(a.result, a.code) for a in receive([other])] == [("rejected", "conflict")]
    assert Order.objects.get(code=message["order"]).person_id == RUT


class TestExpiry:
    def test_what_nobody_paid_runs_out_and_the_answer_carries_the_new_version(self) -> None:
        message = create_message(2)
        receive([message])
        asked = expire_message(message, by="staff:1", reason="cancelled_by_staff")
        (answer,) = receive([asked])
        assert (answer.id, versions(answer)) == (asked["id"], [("EXPIRED", 1, 2)] * 2)
        assert not OutboxMessage.objects.exists(), "reservations asked, and reads it in the answer"
        entry = AuditEntry.objects.filter(action="ticket.expired").first()
        assert entry is not None
        assert (entry.by, entry.reason) == ("staff:1", "cancelled_by_staff")

    def test_of_an_order_that_never_arrived_a_tombstone_is_kept(self) -> None:
        message = create_message(2)
        (answer,) = receive([expire_message(message)])
        assert versions(answer) == [("EXPIRED", 1, 1)] * 2
        (late,) = receive([message])
        assert (late.result, versions(late)) == ("done", [("EXPIRED", 1, 1)] * 2)
        assert not Mail.objects.exists()

    def test_a_tombstone_cannot_be_paid(self, gateway: FakeGateway) -> None:
        receive([expire_message(create_message())])
        with pytest.raises(payments.NotPending):
            payments.pay(order=Order.objects.get(), card=Card(simulator.APPROVES), idempotency_key=None, by="test")

    def test_asked_twice_it_is_answered_twice_and_done_once(self) -> None:
        message = create_message()
        receive([message])
        assert receive([expire_message(message)])[0].tickets == receive([expire_message(message)])[0].tickets

    def test_a_paid_order_is_answered_as_paid(self, gateway: FakeGateway) -> None:
        message = create_message()
        receive([message])
        order = Order.objects.get()
        payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
        assert versions(receive([expire_message(message)])[0]) == [("PAID", 1, 2)]

    def test_while_a_payment_is_unknown_the_answer_is_to_wait(self, gateway: FakeGateway) -> None:
        message = create_message()
        receive([message])
        order = Order.objects.get()
        payments.pay(order=order, card=Card(simulator.SWALLOWS), idempotency_key=None, by="test")
        (answer,) = receive([expire_message(message)])
        assert (answer.result, answer.tickets) == ("wait", [])
        assert tickets_of(order)[0].status == "PENDING_PAYMENT"

    def test_a_cancelled_event_refunds_what_is_paid_and_leaves_what_was_used(self, gateway: FakeGateway) -> None:
        message = create_message(2)
        receive([message])
        order = Order.objects.get()
        payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
        used = tickets_of(order)[0]
        services.check_in(ticket=used.external_id, gate="1", by="test")
        before = OutboxMessage.objects.count()
        (answer,) = receive([expire_message(message, reason="event_cancelled", refund_paid=True)])
        assert versions(answer) == [("USED", 1, 3), ("REFUNDED", 1, 3)]
        assert Refund.objects.get().ticket_id == tickets_of(order)[1].pk
        assert OutboxMessage.objects.count() == before

    def test_order_and_expiry_in_one_call_end_expired_whichever_comes_first(self) -> None:
        for first in (True, False):
            message = create_message()
            pair = [message, expire_message(message)]
            receive(pair if first else pair[::-1])
            assert [t.status for t in tickets_of(Order.objects.get(code=message["order"]))] == ["EXPIRED"]


class TestOutsideTickets:
    def test_one_arrives_without_a_seat_and_will_run_out(self) -> None:
        message = outside_message(price=5000)
        (answer,) = receive([message])
        assert (answer.id, versions(answer)) == (message["id"], [("PENDING_PAYMENT", 1, 1)])
        order = Order.objects.get(code=message["id"])
        (ticket,) = tickets_of(order)
        assert (ticket.external_id, ticket.seat_id, order.source) == (message["id"], None, "outside")
        assert order.expires_at is not None
        assert order.expires_at - order.created_at == timedelta(minutes=site.SEATLESS_HOLD_MINUTES)

    def test_the_same_id_with_other_content_is_a_conflict_and_the_first_stands(self) -> None:
        message = outside_message(price=5000)
        assert [a.result for a in receive([message, {**message, "price": "5000.00"}])] == ["done", "done"]
        for other in ({"price": 6000}, {"rut": 7}, {"event": "Otra"}):
            assert [(a.result, a.code) for a in receive([{**message, **other}])] == [("rejected", "conflict")]
        assert int(Ticket.objects.get().price) == 5000

    def test_two_contents_with_one_id_in_one_batch_are_a_conflict_too(self) -> None:
        message = outside_message(price=5000)
        answers = receive([message, {**message, "price": 1}])
        assert [a.result for a in answers] == ["done", "rejected"]

    def test_ids_compare_byte_by_byte(self) -> None:
        ids = ["abc", "ABC", "Abc", "ábc", "abc\u0301", "ａｂｃ", "ﬀ", "ff", "ß", "ss"]
        answers = receive([outside_message(name, price=number) for number, name in enumerate(ids)])
        assert [answer.result for answer in answers] == ["done"] * len(ids)
        for number, name in enumerate(ids):
            assert int(Ticket.objects.get(external_id=name).price) == number
        # The contract refuses a space at the end; the column would tell them apart as well.
        order = Order.objects.get(code="abc")
        Ticket.objects.create(external_id="abc ", order=order, person_id=RUT, event="x", price=1)
        assert Ticket.objects.get(external_id="abc ").pk != Ticket.objects.get(external_id="abc").pk
        assert Ticket.objects.filter(external_id__in=["abc", "ABC"]).count() == 2

    def test_what_nobody_paid_runs_out_by_billings_own_clock(self, gateway: FakeGateway) -> None:
        waiting, unknown, fresh = (outside_order() for _ in range(3))
        payments.pay(order=unknown, card=Card(simulator.SWALLOWS), idempotency_key=None, by="test")
        seated = arrived_order(expires_at=(timezone.now() - timedelta(days=1)).isoformat())
        late = timezone.now() - timedelta(seconds=1)
        Order.objects.filter(pk__in=[waiting.pk, unknown.pk]).update(expires_at=late)
        assert services.expire_seatless() == 1
        assert [tickets_of(order)[0].status for order in (waiting, unknown, fresh, seated)] == [
            "EXPIRED",
            "PENDING_PAYMENT",
            "PENDING_PAYMENT",
            "PENDING_PAYMENT",
        ], "reservations asks for its own"
        assert not OutboxMessage.objects.exists()


def test_after_healing_new_versions_carry_the_next_generation(gateway: FakeGateway) -> None:
    old = arrived_order()
    assert generations.begin_next(by="test", reason="promoted") == 2
    (answer,) = receive([create_message()])
    assert versions(answer) == [("PENDING_PAYMENT", 2, 1)]
    payments.pay(order=old, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    ticket = tickets_of(old)[0]
    assert (ticket.generation, ticket.version) == (2, 2)
    Ticket.objects.filter(pk=ticket.pk).update(generation=9)
    services.check_in(ticket=ticket.external_id, gate="1", by="test")
    ticket.refresh_from_db()
    assert (ticket.generation, ticket.version) == (9, 3), "a generation never falls"


def test_a_batch_of_a_hundred_takes_few_statements(django_assert_max_num_queries: Any) -> None:
    batch = [create_message(2, rut=7_000_000 + number) for number in range(100)]
    with django_assert_max_num_queries(15):
        assert {answer.result for answer in receive(batch)} == {"done"}
    with django_assert_max_num_queries(5):
        assert {answer.result for answer in receive(batch)} == {"done"}


def test_the_states_in_a_receipt_change_nothing_here() -> None:
    order = arrived_order()
    (answer,) = receive([expire_message(create_message(), id=str(uuid.uuid4()))])
    apply(answer.tickets)
    assert tickets_of(order)[0].status == "PENDING_PAYMENT"
