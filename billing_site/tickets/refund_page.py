"""Refunding chosen tickets: first what will happen and why, then what did, ticket by ticket."""

from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing_site.documents import services as documents
from billing_site.documents import wording
from billing_site.payments import refunds
from billing_site.tickets.history import TONES
from billing_site.tickets.models import Ticket

MOST = 500


class RefundForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Motivo"),
        max_length=300,
        widget=forms.TextInput(attrs={"size": 60, "autofocus": True, "autocomplete": "off"}),
        help_text=gettext_lazy("Queda en la auditoría de cada boleto."),
    )


def answer(request: HttpRequest, chosen: QuerySet[Ticket], context: dict[str, Any]) -> TemplateResponse | None:
    """The page that asks for the reason, or after it was given the result of each ticket."""
    if chosen.count() > MOST:
        messages.error(request, _("Elige %d boletos como máximo.") % MOST)
        return None
    tickets = list(chosen.select_related("order", "person").order_by("order_id", "id"))
    form = RefundForm(request.POST if "confirmed" in request.POST else None)
    if "confirmed" in request.POST and form.is_valid():
        return _result(request, tickets, form.cleaned_data["reason"], context)
    paid = [ticket for ticket in tickets if ticket.status == Ticket.Status.PAID]
    page = {
        "title": _("Reembolsar boletos"),
        "form": form,
        "will": _will(paid),
        "rows": [(_row(ticket), ticket.status == Ticket.Status.PAID) for ticket in tickets],
        "count": len(paid),
        "total": wording.pesos(sum(ticket.price for ticket in paid)),
        "checkbox": ACTION_CHECKBOX_NAME,
        "opts": Ticket._meta,
    }
    return TemplateResponse(request, "admin/tickets/refund.html", {**context, **page})


def _will(tickets: list[Ticket]) -> list[str]:
    """Exactly what a refund of these paid tickets does, a sentence a thing."""
    said = []
    for order, some in groupby(tickets, key=lambda ticket: ticket.order):
        rows = list(some)
        money, count = sum(row.price for row in rows), len(rows)
        places = ", ".join(wording.seat_line(section=row.section, seat=row.seat) for row in rows)
        words = {"code": order.code, "money": wording.pesos(money), "places": places}
        if money:
            card = refunds.paying_attempt(order).card_last4
            words["card"] = _("la tarjeta terminada en %s") % card if card else _("el medio con que se pagó")
            said.append(_("%(code)s: %(money)s vuelven a %(card)s, por la pasarela, en minutos.") % words)
        said.append(
            ngettext(
                "%(code)s: un boleto deja de servir en la puerta: %(places)s.",
                "%(code)s: %(n)d boletos dejan de servir en la puerta: %(places)s.",
                count,
            )
            % {**words, "n": count}
        )
        if any(row.seat_id for row in rows):
            said.append(_("%(code)s: en segundos quedan libres para otro comprador: %(places)s.") % words)
        words["to"] = documents.recipient(order)
        if words["to"]:
            said.append(_("%(code)s: sale un correo por boleto a %(to)s.") % words)
        else:
            said.append(_("%(code)s: no tiene correo: nadie le avisa al comprador.") % words)
    return said


def _result(request: HttpRequest, tickets: list[Ticket], reason: str, context: dict[str, Any]) -> TemplateResponse:
    rows, returned, count = [], 0, 0
    for ticket in tickets:
        try:
            # Each in its own transaction: what cannot be refunded does not hold up the others.
            done = refunds.refund_ticket(ticket=ticket, reason=reason, by=str(request.user))
        except refunds.NotRefundable as refusal:
            rows.append((_row(ticket), refusal.sentence))
        else:
            ticket.status = done.status
            rows.append((_row(ticket), ""))
            returned += int(ticket.price)
            count += 1
    page = {
        "title": _("Resultado del reembolso"),
        "rows": rows,
        "count": count,
        "refused": len(rows) - count,
        "total": wording.pesos(returned),
        "reason": reason,
        "opts": Ticket._meta,
    }
    return TemplateResponse(request, "admin/tickets/refund_result.html", {**context, **page})


def _row(ticket: Ticket) -> dict[str, Any]:
    return {
        "ticket": ticket,
        "place": wording.seat_line(section=ticket.section, seat=ticket.seat),
        "holder": ticket.order.name or ticket.person.full_name,
        "price": wording.pesos(ticket.price),
        "tone": TONES[Ticket.Status(ticket.status)],
    }
