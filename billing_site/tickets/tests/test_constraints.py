"""Each constraint of the database, and an attempt to break it past all services."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error, connection, transaction

from billing_site.accounts.models import Person
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.tickets.models import Admission, Order, Ticket
from billing_site.tickets.tests.factories import RUT, arrived_order, tickets_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    return arrived_order(2)


def refused(write: Callable[[], Any]) -> None:
    with pytest.raises(Error), transaction.atomic():
        write()


def ticket(order: Order, **changes: Any) -> Ticket:
    given = {"external_id": "x", "order": order, "person_id": RUT, "event": "x", "price": 1, "seat_id": None}
    return Ticket(**{**given, **changes})


def test_a_seat_has_at_most_one_live_ticket(order: Order) -> None:
    seat = tickets_of(order)[0].seat_id
    refused(lambda: ticket(order, seat_id=seat).save())
    for status in ("PAID", "USED"):
        refused(lambda s=status: ticket(order, seat_id=seat, status=s).save())
    for number, status in enumerate(("EXPIRED", "REFUNDED", "EXPIRED")):
        ticket(order, external_id=f"dead-{number}", seat_id=seat, status=status).save()
    refused(lambda: Ticket.objects.filter(external_id="dead-0").update(status="PAID"))


def test_tickets_without_a_seat_are_as_many_as_you_like(order: Order) -> None:
    for number in range(3):
        ticket(order, external_id=f"free-{number}").save()


def test_a_ticket_id_and_an_order_code_exist_once(order: Order) -> None:
    refused(lambda: ticket(order, external_id=tickets_of(order)[0].external_id).save())
    refused(lambda: Order.objects.create(code=order.code, source="outside", person_id=RUT, event="x"))


def test_a_price_is_not_negative_and_a_status_is_one_of_five(order: Order) -> None:
    refused(lambda: ticket(order, price=-1).save())
    refused(lambda: ticket(order, status="paid!").save())
    refused(lambda: Ticket.objects.filter(order=order).update(status="LOST"))


def test_a_rut_is_a_number_of_at_most_eight_digits() -> None:
    for rut in (0, 100_000_000):
        refused(lambda r=rut: Person.objects.create(rut=r))


def test_an_address_belongs_to_one_person_and_placeholders_have_none() -> None:
    Person.objects.create(rut=1, email="a@example.cl")
    refused(lambda: Person.objects.create(rut=2, email="a@example.cl"))
    Person.objects.create(rut=3)
    Person.objects.create(rut=4)
    Person.objects.create(rut=5, email="á@example.cl")
    assert Person.objects.get(email="a@example.cl").rut == 1


def test_a_ticket_is_admitted_once(order: Order) -> None:
    row = tickets_of(order)[0]
    Admission.objects.create(ticket=row, by="x")
    refused(lambda: Admission.objects.create(ticket=row, by="y"))


def test_an_order_has_one_open_attempt_at_a_time(order: Order) -> None:
    first = PaymentAttempt.objects.create(order=order, gateway="x", amount=1)
    for status in ("started", "unknown"):
        refused(lambda s=status: PaymentAttempt.objects.create(order=order, gateway="x", amount=1, status=s))
    PaymentAttempt.objects.create(order=order, gateway="x", amount=1, status="declined")
    PaymentAttempt.objects.filter(pk=first.pk).update(status="declined")
    PaymentAttempt.objects.create(order=order, gateway="x", amount=1, status="unknown")


def test_a_payment_key_names_one_attempt_of_an_order(order: Order) -> None:
    def attempt(key: str | None, of: Order) -> PaymentAttempt:
        return PaymentAttempt.objects.create(order=of, gateway="x", amount=1, status="declined", idempotency_key=key)

    attempt("a", order)
    refused(lambda: attempt("a", order))
    for key in ("A", "a ", "á", None, None):
        attempt(key, order)
    attempt("a", arrived_order())


def test_amounts_have_a_sense(order: Order) -> None:
    refused(lambda: PaymentAttempt.objects.create(order=order, gateway="x", amount=-1))
    refused(lambda: PaymentAttempt.objects.create(order=order, gateway="x", amount=1, status="perhaps"))
    attempt = PaymentAttempt.objects.create(order=order, gateway="x", amount=1)
    refused(lambda: Refund.objects.create(attempt=attempt, amount=0, by="x"))


def test_what_has_a_history_cannot_be_deleted(order: Order) -> None:
    refused(lambda: Person.objects.filter(rut=RUT).delete())
    refused(order.delete)


def test_foreign_keys_are_kept_by_the_database(order: Order) -> None:
    if connection.vendor == "sqlite":
        return
    refused(lambda: ticket(order, person_id=99).save())
