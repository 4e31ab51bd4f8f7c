"""The whole story of an order, for the staff's page about it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing_site.documents import wording
from billing_site.documents.mails import ADMITTED, subject_of
from billing_site.documents.models import Document, Mail
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.tickets.models import AuditEntry, Order, Ticket
from middleware_worker.outbox.models import OutboxMessage

ACTIONS: dict[str, Promise] = {
    "order.received": _("Orden recibida"),
    "order.tombstone": _("Orden cerrada antes de llegar"),
    "order.claimed": _("Orden reclamada por su titular"),
    "ticket.paid": _("Boleto pagado"),
    "ticket.used": _("Ingreso registrado"),
    "ticket.refunded": _("Boleto reembolsado"),
    "gate.entry": _("Entró por una puerta"),
    "gate.conflict": _("Entrada doble o sin derecho, informada por una puerta"),
    "ticket.expired": _("Boleto vencido"),
    "payment.started": _("Pago iniciado"),
    "payment.returned": _("El comprador volvió de la página de pago"),
    "payment.captured": _("Pago cobrado"),
    "payment.declined": _("Pago rechazado"),
    "payment.captured_too_late": _("Pago llegado tarde: se devuelve"),
    "payment.contradiction": _("La pasarela se contradijo"),
    "refund.done": _("Dinero devuelto"),
    "refund.failed": _("Devolución rechazada por la pasarela"),
    "refund.try_again": _("Devolución pedida otra vez"),
    "mail.send_again": _("Correo pedido otra vez"),
    "mail.copied": _("Copia de un correo pedida"),
    "document.issue_again": _("Documento pedido otra vez"),
    "registration.asked": _("Registro pedido"),
    "account.opened": _("Cuenta abierta"),
    "account.yielded": _("Cuenta cedida a quien trajo prueba"),
    "account.handed_over": _("Cuenta entregada a quien mostró su cédula"),
    "password.reset": _("Contraseña cambiada"),
    "person.verified": _("Identidad verificada"),
    "person.changed": _("Datos de la persona cambiados"),
    "generation_began": _("Comenzó una generación nueva"),
    "event_refund.started": _("Reembolso de un evento pedido"),
    "event_refund.closed": _("Venta cerrada: comienza el reembolso del evento"),
    "event_refund.paused": _("Reembolso del evento en pausa"),
    "event_refund.resumed": _("Reembolso del evento sigue"),
    "event_refund.tried_again": _("Reembolso del evento probado otra vez"),
    "event_refund.finished": _("Reembolso del evento terminado"),
    "dead_letter.replayed": _("Mensaje muerto reenviado"),
    "dead_letter.refused_again": _("Mensaje muerto rechazado otra vez"),
    "dead_letter.discarded": _("Mensaje muerto descartado"),
}
TONES = {
    Ticket.Status.PENDING_PAYMENT: "wait",
    Ticket.Status.PAID: "good",
    Ticket.Status.USED: "info",
    Ticket.Status.REFUNDED: "bad",
    Ticket.Status.EXPIRED: "off",
}


class Event(NamedTuple):
    """A line of the story: when, what, about what, who, and through which program."""

    at: datetime
    label: Promise | str
    place: str = ""
    by: str = ""
    program: Promise | str = ""
    note: str = ""
    tone: str = "info"


# Who wrote an audit row, as the beginning of its `by` says, and through which program that is.
PROGRAMS: tuple[tuple[str, Promise], ...] = (
    ("customer:", _("portal")),
    ("service:portal", _("portal")),
    ("anonymous", _("portal")),
    ("mailed-link", _("enlace de un correo")),
    ("service:", _("mensajería")),
    ("reservations", _("reservas")),
    ("buyer", _("reservas")),
    ("clock", _("reservas")),
    ("outside", _("vendedor externo")),
    ("gateway", _("pasarela de pago")),
    ("staff:", _("puerta o API del equipo")),
    ("system", _("facturación")),
    ("job", _("facturación")),
    ("heal", _("reparación")),
    ("demo", _("datos de prueba")),
)
ACTION_TONES = {
    "payment.captured": "good",
    "ticket.paid": "good",
    "payment.declined": "bad",
    "payment.contradiction": "bad",
    "payment.captured_too_late": "bad",
    "refund.failed": "bad",
    "gate.conflict": "bad",
    "ticket.expired": "off",
}


def action_label(action: str) -> Promise | str:
    """What an audit row's action is called; the word itself when it has no name yet."""
    return ACTIONS.get(action, action)


def program_of(by: str) -> Promise | str:
    """Through which program somebody acted: staff with a name through the desk."""
    return next((name for start, name in PROGRAMS if by.startswith(start)), _("boletería"))


def timeline(order: Order, tickets: list[Ticket], *, sees: Callable[[str], bool]) -> list[Event]:
    """All that happened to the order, oldest first, as far as the reader may see it («app.permission»)."""
    places = {row.pk: wording.seat_line(section=row.section, seat=row.seat) for row in tickets}
    events = [
        _audited(entry, places, money=sees("payments.view_paymentattempt"))
        for entry in AuditEntry.objects.filter(order=order).order_by("at", "id")
    ]
    if order.reserved_at:
        events.append(Event(order.reserved_at, _("Asientos reservados"), by=order.name, program=_("reservas")))
    if sees("payments.view_paymentattempt"):
        events += _open_payments(order)
    if sees("payments.view_refund"):
        events += _open_refunds(order, places)
    if sees("documents.view_document"):
        ready = Document.objects.filter(ticket__order=order)
        events += [
            Event(at, _("PDF listo"), places[ticket], program=_("facturación"))
            for ticket, at in ready.values_list("ticket_id", "ready_at")
            if at
        ]
    if sees("documents.view_mail"):
        for mail in order.mails.all():
            events += _mailed(mail)
    if sees("outbox.view_outboxmessage"):
        for message in OutboxMessage.objects.filter(aggregate=order.code):
            events += _told(message)
    # What was written in one transaction stays in the order in which it was written.
    return sorted(events, key=lambda event: event.at)


def by_day(events: list[Event]) -> list[tuple[str, list[Event]]]:
    """The events of each day under the day's name, in the venue's time zone."""
    return [(day, list(some)) for day, some in groupby(events, key=lambda event: wording.day(event.at))]


def _audited(entry: AuditEntry, places: dict[int, str], *, money: bool) -> Event:
    detail: dict[str, Any] = entry.detail or {}
    notes = [entry.reason] if entry.reason else []
    if money and "amount" in detail:
        notes.insert(0, wording.pesos(detail["amount"]))
    if money:
        notes += [str(detail[name]) for name in ("gateway", "reference") if detail.get(name)]
    if detail.get("gate"):
        notes.append(str(detail["gate"]))
    tone = ACTION_TONES.get(entry.action, "info")
    label, place = action_label(entry.action), places.get(entry.ticket_id or 0, "")
    return Event(entry.at, label, place, entry.by, program_of(entry.by), " · ".join(notes), tone)


def _open_payments(order: Order) -> Iterator[Event]:
    """What the gateway has not told yet: the rest is in the audit."""
    for attempt in order.attempts.filter(status=PaymentAttempt.Status.UNKNOWN):
        label, note = _("La pasarela no dice si cobró: se le sigue preguntando"), attempt.error
        yield Event(
            attempt.asked_at or attempt.created_at, label, program=_("pasarela de pago"), note=note, tone="wait"
        )


def _open_refunds(order: Order, places: dict[int, str]) -> Iterator[Event]:
    waiting = [Refund.Status.DUE, Refund.Status.STARTED, Refund.Status.UNKNOWN]
    for refund in Refund.objects.filter(attempt__order=order, status__in=waiting):
        note, place = f"{wording.pesos(refund.amount)} {refund.error}".strip(), places.get(refund.ticket_id or 0, "")
        yield Event(refund.created_at, _("Devolución en camino"), place, refund.by, _("facturación"), note, "wait")


def _mailed(mail: Mail) -> Iterator[Event]:
    subject, program = f"«{subject_of(mail)}»", _("facturación")
    yield Event(mail.created_at, _("Correo encargado"), program=program, note=f"{subject} → {mail.to}")
    if mail.sent_at:
        yield Event(mail.sent_at, _("Correo enviado"), program=program, note=f"{subject} → {mail.to}", tone="good")
    elif mail.status == Mail.Status.FAILED:
        yield Event(mail.next_try_at, _("Correo que no se pudo enviar"), program=program, note=mail.error, tone="bad")


def _told(message: OutboxMessage) -> Iterator[Event]:
    yield Event(message.created_at, _("Aviso para reservas"), program=_("facturación"), note=message.type)
    if message.receipted_at:
        yield Event(message.receipted_at, _("Reservas confirmó el aviso"), program=_("mensajería"), tone="good")
    elif message.state == OutboxMessage.State.REJECTED:
        at, note = message.published_at or message.created_at, message.last_error
        yield Event(at, _("Reservas rechazó el aviso"), program=_("mensajería"), note=note, tone="bad")


def order_history(order: Order) -> dict[str, Any]:
    """Tickets, payments, refunds and mails of an order, as its page shows them."""
    tickets = list(
        order.tickets.select_related("admission", "refund", "document").defer("document__pdf").order_by("id")
    )
    places = {ticket.pk: wording.seat_line(section=ticket.section, seat=ticket.seat) for ticket in tickets}
    return {
        "tickets": [
            {
                "row": ticket,
                "place": places[ticket.pk],
                "price": wording.pesos(ticket.price),
                "tone": TONES[Ticket.Status(ticket.status)],
                "admission": getattr(ticket, "admission", None),
                "document": getattr(ticket, "document", None) if ticket.status in ADMITTED else None,
            }
            for ticket in tickets
        ],
        "total": wording.pesos(sum(ticket.price for ticket in tickets)),
        "attempts": [(attempt, wording.pesos(attempt.amount)) for attempt in order.attempts.order_by("created_at")],
        "refunds": [
            (refund, wording.pesos(refund.amount), places.get(refund.ticket_id or 0, ""))
            for refund in Refund.objects.filter(attempt__order=order).order_by("created_at")
        ],
        "mails": [(mail, subject_of(mail)) for mail in order.mails.order_by("created_at")],
    }
