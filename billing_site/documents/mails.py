"""The mails the site writes: which kinds there are, and how a queued one becomes a message."""

import hashlib
from collections.abc import Callable
from email.utils import parseaddr
from typing import Any, NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing_site.documents import wording
from billing_site.documents.models import Document, Mail
from billing_site.tickets.models import Order, Ticket

ADMITTED = (Ticket.Status.PAID, Ticket.Status.USED)
DEFAULT_LANGUAGE = "es-cl"


class Kind(NamedTuple):
    """A kind of mail: its subject, what it needs in `context`, where its link leads (below the portal's address).

    `language` may be in the context of any of them.
    """

    subject: Promise | str
    link: Callable[[Mail], str]
    needs: tuple[str, ...] = ()


def _order(mail: Mail) -> str:
    return f"/orden/{quote(mail.order.code, safe='')}" if mail.order else "/"


KINDS: dict[str, Kind] = {
    "order_received": Kind(_("Tu reserva para %(event)s: falta pagarla"), _order),
    "order_paid": Kind(_("Tus boletos para %(event)s"), _order),
    "ticket_refunded": Kind(_("Devolvimos un boleto de %(event)s"), _order, ("ticket",)),
    "event_cancelled": Kind(_("Se canceló %(event)s"), _order, ("refunded",)),
    "claim_link": Kind(
        _("El enlace a tu orden en TicketFlow"),
        lambda mail: f"/orden/{quote(mail.context['code'], safe='')}",
        ("code",),
    ),
    "registration": Kind(
        _("Confirma tu correo en TicketFlow"),
        lambda mail: f"/cuenta/confirmar/{quote(mail.context['token'], safe='')}",
        ("token",),
    ),
    "already_registered": Kind(_("Ya tienes una cuenta en TicketFlow"), lambda mail: "/cuenta/entrar"),
    "email_change": Kind(
        _("Confirma tu nuevo correo en TicketFlow"),
        lambda mail: f"/cuenta/correo/{quote(mail.context['token'], safe='')}",
        ("token",),
    ),
    "email_changed": Kind(_("El correo de tu cuenta cambió"), lambda mail: "/cuenta/entrar", ("email",)),
    "password_reset": Kind(
        _("Elige una contraseña nueva en TicketFlow"),
        lambda mail: f"/cuenta/clave/{quote(mail.context['token'], safe='')}",
        ("token",),
    ),
}


def compose(mail: Mail) -> EmailMultiAlternatives | None:
    """The message of a queued mail; None when there is nothing left to tell."""
    with translation.override(mail.context.get("language", DEFAULT_LANGUAGE)):
        kind = KINDS[mail.kind]
        values: dict[str, Any] = {
            "link": settings.PORTAL_URL.rstrip("/") + kind.link(mail),
            "person": mail.person,
            "new_email": mail.context.get("email", ""),
        }
        pdfs: list[tuple[str, bytes]] = []
        if mail.order is not None:
            values |= _about_order(mail.order)
        if mail.kind == "order_received" and not _can_be_paid(mail.order):
            return None
        if mail.kind == "order_paid":
            if not values["tickets"]:
                return None
            pdfs = _attachments(mail.order)
        if mail.kind == "ticket_refunded":
            ticket = Ticket.objects.select_related("refund__attempt").get(pk=mail.context["ticket"])
            refund = getattr(ticket, "refund", None)
            values |= {"ticket": _about_ticket(ticket), "card": refund.attempt.card_last4 if refund else ""}
        if mail.kind == "event_cancelled":
            given_back = Ticket.objects.filter(pk__in=mail.context["refunded"]).order_by("id")
            values |= _listed(list(given_back)) | {"total_name": translation.gettext("Te devolvemos")}
        values["subject"] = subject_of(mail)
        message = EmailMultiAlternatives(
            subject=values["subject"],
            body=render_to_string(f"mail/{mail.kind}.txt", values).strip() + "\n",
            to=[mail.to],
            headers={"Message-ID": message_id(mail.key), "Auto-Submitted": "auto-generated"},
        )
        message.attach_alternative(render_to_string(f"mail/{mail.kind}.html", values), "text/html")
        for name, content in pdfs:
            message.attach(name, content, "application/pdf")
        return message


def subject_of(mail: Mail) -> str:
    """The mail's subject in the active language; its kind when that is not known any more."""
    kind = KINDS.get(mail.kind)
    subject = str(kind.subject) % {"event": mail.order.event if mail.order else ""} if kind else mail.kind
    return " ".join(subject.split())


def message_id(key: str) -> str:
    """The same for every copy of a mail, so that the reader's program can show it once."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "ticketflow.invalid"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


def _about_order(order: Order) -> dict[str, Any]:
    tickets = list(order.tickets.order_by("id"))
    live = [ticket for ticket in tickets if ticket.status in (*ADMITTED, Ticket.Status.PENDING_PAYMENT)]
    return {
        "order": order,
        "event": order.event,
        "when": wording.day_and_clock(order.starts_at) if order.starts_at else "",
        "expires": wording.day_and_clock(order.expires_at) if order.expires_at else "",
        "total_name": translation.gettext("Total"),
        **_listed(live),
    }


def _listed(tickets: list[Ticket]) -> dict[str, Any]:
    return {
        "tickets": [_about_ticket(ticket) for ticket in tickets],
        "total": wording.pesos(sum(ticket.price for ticket in tickets)),
    }


def _can_be_paid(order: Order | None) -> bool:
    return order is not None and order.tickets.filter(status=Ticket.Status.PENDING_PAYMENT).exists()


def _about_ticket(ticket: Ticket) -> dict[str, str]:
    place = wording.seat_line(section=ticket.section, seat=ticket.seat)
    return {"place": place, "price": wording.pesos(ticket.price)}


def _attachments(order: Order | None) -> list[tuple[str, bytes]]:
    documents = Document.objects.filter(ticket__order=order, ticket__status__in=ADMITTED, ready_at__isnull=False)
    return [
        (f"{translation.gettext('boleto')}-{number}.pdf", bytes(document.pdf or b""))
        for number, document in enumerate(documents.order_by("ticket_id"), start=1)
    ]
