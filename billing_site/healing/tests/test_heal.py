"""A restored billing adopts what reservations was told and what the gateway did; twice is as once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from billing_site.conftest import service
from billing_site.healing import services as healing
from billing_site.healing.reconciling import Difference, reconcile
from billing_site.payments import refunds
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.payments.services import pay
from billing_site.payments.tests.fakes import FakeGateway
from billing_site.tickets import generations
from billing_site.tickets.messages import receive
from billing_site.tickets.models import Admission, Order, Ticket
from billing_site.tickets.services import check_in
from billing_site.tickets.tests.factories import arrived_order, create_message, outside_order, tickets_of
from middleware_worker.contract.healing import LineState, ReservedOrder
from middleware_worker.contract.messages import Order as OrderMessage
from middleware_worker.outbox import closing
from middleware_worker.outbox.models import OutboxMessage

pytestmark = pytest.mark.django_db
CARD = Card(simulator.APPROVES)


class FakeReservations:
    """The other site, which remembers what it was told."""

    def __init__(self) -> None:
        self.known: list[ReservedOrder] = []
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.lost: list[str] = []
        self.fence = 0

    def __call__(self) -> "FakeReservations":
        return self

    def orders(self, kind: object, *, since: str = "") -> Iterator[ReservedOrder]:
        return iter(self.known)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.posted.append((path, body))
        self.fence = max(self.fence, body.get("generation", 0))
        return {"reopened": 1, "unknown": self.lost, "generation": self.fence}

    def reserved(self, message: dict[str, Any], *lines: str, status: str = "", version: int = 9) -> None:
        """An order of which it made these lines after it was told `status`."""
        order = OrderMessage.model_validate(message)
        found = [
            LineState(ticket=ticket.id, line=line, status=status, generation=1 if status else 0, n=version)
            for ticket, line in zip(order.tickets, lines, strict=True)
        ]
        self.known.append(ReservedOrder(cursor=len(self.known) + 1, order=order, lines=found))


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> FakeReservations:
    found = FakeReservations()
    monkeypatch.setattr(healing, "OtherSite", found)
    monkeypatch.setattr("billing_site.healing.reconciling.OtherSite", found)
    return found


def heal() -> healing.Healed:
    return healing.heal(by="test", wait=lambda _seconds: None)


def statuses(message: dict[str, Any]) -> list[str]:
    return [ticket.status for ticket in Ticket.objects.filter(order__code=message["order"]).order_by("id")]


def told() -> dict[str, tuple[str, int]]:
    """What the outbox tells reservations of each ticket, the last word."""
    rows = OutboxMessage.objects.filter(type="ticket.status").order_by("created_at")
    return {t["id"]: (t["status"], t["generation"]) for row in rows for t in row.payload["tickets"]}


def captured(gateway: FakeGateway, message: dict[str, Any], reference: str = "lost-attempt") -> None:
    total = sum(ticket["price"] for ticket in message["tickets"])
    gateway.charge(reference=reference, amount=total, card=CARD, about=message["order"])


def money_is_right(gateway: FakeGateway) -> None:
    while refunds.run_refunds():
        pass
    kept = sum(t.price for t in Ticket.objects.filter(status__in=["PAID", "USED"]))
    assert gateway.captured - gateway.refunded == kept


def test_a_lost_order_that_was_paid_is_paid_again(other: FakeReservations, gateway: FakeGateway) -> None:
    message = create_message(2)
    captured(gateway, message)
    other.reserved(message, "confirmed", "confirmed", status="PAID")
    found = heal()
    assert (statuses(message), found.problems) == (["PAID", "PAID"], [])
    assert PaymentAttempt.objects.get().reference == "lost-attempt"
    money_is_right(gateway)


def test_a_pending_order_whose_payment_was_lost_is_paid_and_told(other: FakeReservations, gateway: FakeGateway) -> None:
    message = create_message()
    receive([message])
    captured(gateway, message)
    other.reserved(message, "held")
    heal()
    assert statuses(message) == ["PAID"]
    assert list(told().values()) == [("PAID", 2)]
    money_is_right(gateway)


def test_a_freed_seat_ends_a_pending_ticket_and_late_money_goes_back(
    other: FakeReservations, gateway: FakeGateway
) -> None:
    message = create_message(2)
    receive([message])
    captured(gateway, message)
    other.reserved(message, "released", "released", status="EXPIRED")
    heal()
    assert statuses(message) == ["EXPIRED", "EXPIRED"]
    money_is_right(gateway)


def test_a_freed_seat_of_an_order_that_was_lost_leaves_a_tombstone(other: FakeReservations) -> None:
    message = create_message()
    other.reserved(message, "released", status="EXPIRED")
    heal()
    assert statuses(message) == ["EXPIRED"]
    assert receive([message])[0].tickets[0].status == "EXPIRED"


def test_a_refund_that_was_told_is_made_again_and_pays_once(other: FakeReservations, gateway: FakeGateway) -> None:
    message = create_message(2)
    receive([message])
    pay(order=Order.objects.get(code=message["order"]), card=CARD, idempotency_key=None, by="t")
    other.reserved(message, "released", "confirmed", status="PAID")
    heal()
    assert statuses(message) == ["REFUNDED", "PAID"]
    assert Refund.objects.get().status == "due"
    money_is_right(gateway)


def test_a_refund_that_the_gateway_made_is_not_made_twice(other: FakeReservations, gateway: FakeGateway) -> None:
    message = create_message(2)
    receive([message])
    attempt = pay(order=Order.objects.get(code=message["order"]), card=CARD, idempotency_key=None, by="t")
    ticket = message["tickets"][1]["id"]
    gateway.refund(reference="lost-refund", charge=attempt.reference, amount=5000, about=ticket)
    other.reserved(message, "confirmed", "confirmed", status="PAID")
    heal()
    assert statuses(message) == ["PAID", "REFUNDED"]
    assert (Refund.objects.get().reference, Refund.objects.get().status) == ("lost-refund", "done")
    money_is_right(gateway)


@pytest.mark.parametrize("arrived", [True, False])
def test_an_order_that_was_paid_and_refunded_since_is_refunded(
    other: FakeReservations, gateway: FakeGateway, *, arrived: bool
) -> None:
    message = create_message(2)
    if arrived:
        receive([message])
    captured(gateway, message)
    gateway.refund(reference="one", charge="lost-attempt", amount=5000, about=message["tickets"][0]["id"])
    other.reserved(message, "released", "released", status="REFUNDED")
    heal()
    assert statuses(message) == ["REFUNDED", "REFUNDED"]
    assert all(ticket.paid_at and ticket.refunded_at for ticket in Ticket.objects.all())
    assert sorted(Refund.objects.values_list("status", flat=True)) == ["done", "due"], "the other one is still due"
    assert receive([message])[0].tickets[0].status == "REFUNDED"
    assert told() == {}, "reservations has heard of it"
    money_is_right(gateway)


def test_a_pending_order_that_was_paid_and_given_back_is_over(other: FakeReservations, gateway: FakeGateway) -> None:
    message = create_message()
    receive([message])
    captured(gateway, message)
    gateway.refund(reference="lost-refund", charge="lost-attempt", amount=5000)
    other.reserved(message, "held")
    heal()
    assert statuses(message) == ["EXPIRED"]
    money_is_right(gateway)


def test_of_two_charges_one_pays_and_the_other_goes_back(other: FakeReservations, gateway: FakeGateway) -> None:
    message = create_message()
    receive([message])
    captured(gateway, message, "first")
    captured(gateway, message, "second")
    other.reserved(message, "held")
    heal()
    assert statuses(message) == ["PAID"]
    money_is_right(gateway)


def test_a_check_in_that_was_told_lets_nobody_in_again(other: FakeReservations, gateway: FakeGateway) -> None:
    message = create_message()
    captured(gateway, message)
    other.reserved(message, "confirmed", status="USED")
    heal()
    assert statuses(message) == ["USED"]
    assert Admission.objects.count() == 1
    from billing_site.tickets.services import CheckInRefused

    with pytest.raises(CheckInRefused):
        check_in(ticket=message["tickets"][0]["id"], gate="Norte", by="t")


def test_an_order_that_cost_nothing_is_in_no_ledger(other: FakeReservations) -> None:
    message = create_message(prices=[0])
    receive([message])
    other.reserved(message, "confirmed", status="PAID")
    assert heal().problems == []
    assert statuses(message) == ["PAID"]


def test_an_outside_ticket_is_healed_by_the_ledger_alone(other: FakeReservations, gateway: FakeGateway) -> None:
    order = outside_order()
    gateway.charge(reference="lost-attempt", amount=5000, card=CARD, about=order.code)
    heal()
    assert tickets_of(order)[0].status == "PAID"
    money_is_right(gateway)


def test_what_cannot_be_explained_is_reported(other: FakeReservations, gateway: FakeGateway) -> None:
    unpaid, unknown = create_message(), create_message()
    receive([unpaid])
    other.reserved(unpaid, "confirmed", status="PAID")
    gateway.charge(reference="whose", amount=1, card=CARD, about=unknown["order"])
    assert len(heal().problems) == 2


def test_every_version_is_newer_than_what_the_lost_primary_gave_out(other: FakeReservations) -> None:
    order = arrived_order(2)
    other.known = []
    found = heal()
    assert found.generation == 2 == generations.current()
    assert {ticket.generation for ticket in tickets_of(order)} == {2}
    assert [path for path, _body in other.posted] == ["fence", "fence", "reopen"]
    assert [body for _path, body in other.posted[:2]] == [{"generation": 1}, {"generation": 2}]


def test_a_backup_from_before_the_last_healing_begins_a_generation_above_that_one(other: FakeReservations) -> None:
    order = arrived_order()
    other.fence = 7
    assert heal().generation == 8 == other.fence
    assert {ticket.generation for ticket in tickets_of(order)} == {8}


def test_a_second_run_changes_nothing(other: FakeReservations, gateway: FakeGateway) -> None:
    first, second = create_message(2), create_message()
    receive([first])
    captured(gateway, first, "one")
    captured(gateway, second, "two")
    gateway.refund(reference="back", charge="two", amount=5000, about=second["tickets"][0]["id"])
    other.reserved(first, "confirmed", "released", status="PAID")
    other.reserved(second, "released", status="REFUNDED")
    heal()
    seen = (statuses(first), statuses(second), Refund.objects.count(), PaymentAttempt.objects.count())
    heal()
    assert seen == (statuses(first), statuses(second), Refund.objects.count(), PaymentAttempt.objects.count())
    assert seen[0] == ["PAID", "EXPIRED"]
    money_is_right(gateway)


def test_while_it_heals_callers_get_503_and_health_answers(api: Client, other: FakeReservations) -> None:
    closing.close(reason="test")
    answer = api.get("/api/tickets", headers=service("worker"))
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert api.post("/api/internal/messages", headers=service("worker")).status_code == 503
    assert api.get("/admin/login/").status_code == 503
    assert api.get("/health").status_code == 200
    heal()
    assert api.get("/api/tickets", headers=service("worker")).status_code == 200


def test_a_run_that_fails_leaves_it_closed(other: FakeReservations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healing, "_lift_all", lambda _generation: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        heal()
    assert closing.is_closed()
    call_command("heal", "--open")
    assert not closing.is_closed()


def test_only_reservations_may_read_the_orders(api: Client) -> None:
    arrived_order(2)
    refused = [
        api.get("/api/internal/healing/orders", headers=service(name)).status_code for name in ("portal", "worker")
    ]
    found = api.get("/api/internal/healing/orders?limit=1", headers=service("reservations"))
    assert (refused, found.status_code, len(found.json()["orders"][0]["tickets"])) == ([403, 403], 200, 2)
    later = datetime(2100, 1, 1, tzinfo=UTC).isoformat()
    none = api.get("/api/internal/healing/orders", {"since": later}, headers=service("reservations"))
    assert none.json() == {"orders": []}


def test_reconcile_names_what_differs_and_repairs_what_can_be_carried(
    other: FakeReservations, gateway: FakeGateway
) -> None:
    same, missing, behind, forgotten = (create_message() for _ in range(4))
    receive([same, behind, forgotten])
    pay(order=Order.objects.get(code=behind["order"]), card=CARD, idempotency_key=None, by="t")
    OutboxMessage.objects.update(state=OutboxMessage.State.RECEIPTED)
    other.reserved(same, "held")
    other.reserved(missing, "held")
    other.reserved(behind, "held")
    other.reserved(forgotten, "confirmed", status="PAID")
    other.lost = ["TF-LOST"]
    kinds = [(d.kind, d.order, d.repaired) for d in reconcile(repair=True)]
    assert kinds == [
        ("missing_in_billing", missing["order"], True),
        ("state", behind["order"], True),
        ("forgotten_by_billing", forgotten["order"], False),
        ("missing_in_reservations", "TF-LOST", False),
    ]
    assert ("reopen", {"orders": [missing["order"]]}) in other.posted
    # What was just repaired is on its way, and no difference.
    assert behind["order"] not in [d.order for d in reconcile()]
    assert isinstance(next(iter(reconcile())), Difference)
