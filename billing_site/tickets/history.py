"""The whole story of an order, for the staff's page about it."""

from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing_site.documents import wording
from billing_site.documents.mails import ADMITTED, subject_of
from billing_site.payments.models import Refund
from billing_site.tickets.models import AuditEntry, Order, Ticket

ACTIONS: dict[str, Promise] = {
    "order.received": _("Orden recibida"),
    "order.tombstone": _("Orden cerrada antes de llegar"),
    "order.claimed": _("Orden reclamada por su titular"),
    "ticket.paid": _("Boleto pagado"),
    "ticket.used": _("Ingreso registrado"),
    "ticket.refunded": _("Boleto reembolsado"),
    "ticket.expired": _("Boleto vencido"),
    "payment.started": _("Pago iniciado"),
    "payment.captured": _("Pago cobrado"),
    "payment.declined": _("Pago rechazado"),
    "payment.captured_too_late": _("Pago llegado tarde: se devuelve"),
    "payment.contradiction": _("La pasarela se contradijo"),
    "refund.done": _("Dinero devuelto"),
    "refund.failed": _("Devolución rechazada por la pasarela"),
    "refund.try_again": _("Devolución pedida otra vez"),
    "mail.send_again": _("Correo pedido otra vez"),
    "document.issue_again": _("Documento pedido otra vez"),
    "registration.asked": _("Registro pedido"),
    "account.opened": _("Cuenta abierta"),
    "account.yielded": _("Cuenta cedida a quien trajo prueba"),
    "account.handed_over": _("Cuenta entregada a quien mostró su cédula"),
    "password.reset": _("Contraseña cambiada"),
    "person.verified": _("Identidad verificada"),
    "person.changed": _("Datos de la persona cambiados"),
    "generation_began": _("Comenzó una generación nueva"),
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
    """A line of the story."""

    entry: AuditEntry
    label: Promise | str
    place: str


def action_label(action: str) -> Promise | str:
    """What an audit row's action is called; the word itself when it has no name yet."""
    return ACTIONS.get(action, action)


def order_history(order: Order) -> dict[str, Any]:
    """Tickets, payments, refunds, mails and audit rows of an order, as its page shows them."""
    tickets = list(
        order.tickets.select_related("admission", "refund", "document").defer("document__pdf").order_by("id")
    )
    places = {ticket.pk: wording.seat_line(section=ticket.section, seat=ticket.seat) for ticket in tickets}
    entries = AuditEntry.objects.filter(order=order).order_by("at", "id")
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
        "story": [Event(entry, action_label(entry.action), places.get(entry.ticket_id or 0, "")) for entry in entries],
    }
