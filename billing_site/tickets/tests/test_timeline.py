"""An order's whole history on one page, in the order in which it happened."""

from typing import Any

import pytest

from billing_site.documents import jobs
from billing_site.documents.models import Mail
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import PaymentAttempt
from billing_site.payments.refunds import refund_ticket, run_refunds
from billing_site.payments.services import pay
from billing_site.tickets import services as tickets
from billing_site.tickets.history import Event, program_of, timeline
from billing_site.tickets.models import Order
from billing_site.tickets.tests.factories import arrived_order, tickets_of
from middleware_worker.outbox.models import OutboxMessage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]


def lived() -> Order:
    """An order that was paid through the portal, of which one ticket went in and one went back."""
    order = arrived_order(2, email="ana@example.cl")
    pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="service:portal")
    jobs.issue_due()
    first, second = tickets_of(order)
    tickets.check_in(ticket=first.external_id, gate="Norte", by="staff:22222222")
    refund_ticket(ticket=second, reason="Enfermedad", by="Bruno (22.222.222-2)")
    run_refunds()
    jobs.send_due()
    return order


def events(order: Order, *sees: str) -> list[Event]:
    return timeline(order, tickets_of(order), sees=lambda name: not sees or name in sees)


def test_the_story_is_in_order_and_says_who_what_and_through_which_program() -> None:
    found = events(lived())
    assert [event.at for event in found] == sorted(event.at for event in found)
    told = {(str(event.label), str(event.program), event.by) for event in found}
    assert {
        ("Asientos reservados", "reservas", ""),
        ("Orden recibida", "reservas", "reservations"),
        ("Pago iniciado", "portal", "service:portal"),
        ("Pago cobrado", "portal", "service:portal"),
        ("Ingreso registrado", "puerta o API del equipo", "staff:22222222"),
        ("Boleto reembolsado", "boletería", "Bruno (22.222.222-2)"),
        ("Dinero devuelto", "pasarela de pago", "gateway"),
        ("PDF listo", "facturación", ""),
        ("Correo enviado", "facturación", ""),
        ("Aviso para reservas", "facturación", ""),
    } <= told
    captured = next(event for event in found if str(event.label) == "Pago cobrado")
    attempt = PaymentAttempt.objects.get()
    assert "$10.000" in captured.note
    assert attempt.reference in captured.note
    assert next(event for event in found if str(event.label) == "Boleto reembolsado").note == "Enfermedad"


def test_what_is_not_settled_yet_is_told_too() -> None:
    order = lived()
    PaymentAttempt.objects.update(status=PaymentAttempt.Status.UNKNOWN, error="timeout")
    Mail.objects.update(status=Mail.Status.FAILED, sent_at=None, error="550 no such user")
    OutboxMessage.objects.update(state=OutboxMessage.State.REJECTED, last_error="no such seat")
    notes = {str(event.label): event.note for event in events(order)}
    assert notes["La pasarela no dice si cobró: se le sigue preguntando"] == "timeout"
    assert notes["Correo que no se pudo enviar"] == "550 no such user"
    assert notes["Reservas rechazó el aviso"] == "no such seat"


def test_who_sees_less_reads_less(desk: Any) -> None:
    order = lived()
    few = {str(event.label) for event in events(order, "nothing.at_all")}
    assert not few & {"Correo enviado", "PDF listo", "Aviso para reservas"}
    page = desk("finance").get(f"/admin/tickets/order/{order.pk}/change/").content.decode()
    assert "Pago cobrado" in page
    assert "ana@example.cl → " not in page
    assert "Correo enviado" not in page


def test_an_actor_that_nobody_knows_is_a_person_at_the_desk() -> None:
    assert str(program_of("Ana Pérez (12.345.678-5)")) == "boletería"
    assert str(program_of("customer:12345678")) == "portal"
    assert str(program_of("service:worker")) == "mensajería"
