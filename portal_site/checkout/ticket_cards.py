"""A ticket as the pages show it: words for its state, its QR code, and the addresses of what can be done."""

from dataclasses import dataclass
from datetime import datetime

import segno
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from portal_site.catalogue.formats import pesos
from portal_site.checkout.orders import OrderView
from portal_site.clients.billing import Ticket


@dataclass(frozen=True)
class TicketCard:
    """`code` is the booking code that proves it; without one it is the ticket of the person logged in."""

    ticket: Ticket
    code: str = ""
    event: str = ""
    venue: str = ""
    starts_at: datetime | None = None

    @classmethod
    def of_order(cls, order: OrderView, ticket: Ticket) -> "TicketCard":
        return cls(ticket, order.code, order.event, order.venue, order.starts_at)

    @property
    def title(self) -> str:
        return self.event or self.ticket.event

    @property
    def place(self) -> str:
        return self.venue or self.ticket.venue

    @property
    def when(self) -> datetime | None:
        return self.starts_at or self.ticket.starts_at

    @property
    def state(self) -> str:
        words = {
            "PENDING_PAYMENT": _("Por pagar"),
            "PAID": _("Pagado"),
            "USED": _("Usado"),
            "REFUNDED": _("Devuelto"),
            "EXPIRED": _("Vencido"),
        }
        return words.get(self.ticket.status, self.ticket.status)

    @property
    def seat(self) -> str:
        """The section and the seat in one line."""
        return " · ".join(part for part in (self.ticket.section, self.ticket.seat) if part)

    @property
    def money(self) -> str:
        """What became of the money of a refunded ticket; empty for every other."""
        refund = self.ticket.refund
        if refund is None:
            return ""
        words = {"amount": pesos(refund.amount), "card": refund.card_last4 or "····"}
        if refund.status == "done":
            sentence = _("Devolvimos %(amount)s a la tarjeta terminada en %(card)s. El banco puede tardar unos días.")
        elif refund.under_way:
            sentence = _("Estamos devolviendo %(amount)s a la tarjeta terminada en %(card)s.")
        else:
            sentence = _("El banco no aceptó devolver %(amount)s. Lo estamos revisando: no tienes que hacer nada.")
        return sentence % words

    @property
    def live(self) -> bool:
        """Whether it may still be used."""
        return self.ticket.status in ("PAID", "PENDING_PAYMENT")

    @cached_property
    def qr(self) -> SafeString:
        """The QR code of a ticket that lets in, as SVG; empty for every other."""
        if self.ticket.status != "PAID" or not self.ticket.qr:
            return mark_safe("")
        drawn = segno.make(self.ticket.qr, error="m", micro=False).svg_inline(border=2, omitsize=True, svgclass="qr")
        return mark_safe(drawn)  # noqa: S308

    @property
    def pay_url(self) -> str:
        """Where an unpaid ticket is paid; empty when it is not unpaid or its order's code is not ours to know."""
        if self.ticket.status != "PENDING_PAYMENT" or not self.ticket.order:
            return ""
        return reverse("order", args=[self.ticket.order])

    @property
    def page_url(self) -> str:
        return self._url("ticket")

    @property
    def pdf_url(self) -> str:
        return self._url("ticket_pdf")

    @property
    def calendar_url(self) -> str:
        """The file for a calendar; empty when nobody knows when the event is."""
        return self._url("ticket_calendar") if self.when else ""

    @property
    def refund_url(self) -> str:
        return self._url("ticket_refund")

    @property
    def back(self) -> str:
        return reverse("order", args=[self.code]) if self.code else reverse("my_tickets")

    def _url(self, name: str) -> str:
        if self.code:
            return reverse(f"order_{name}", args=[self.code, self.ticket.external_id])
        return reverse(name, args=[self.ticket.external_id])
