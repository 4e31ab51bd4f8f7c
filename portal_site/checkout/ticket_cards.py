"""A ticket as the pages show it: words for its state, its QR code, and the addresses of what can be done."""

from dataclasses import dataclass
from datetime import datetime

import segno
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

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
    def refund_url(self) -> str:
        return self._url("ticket_refund")

    @property
    def back(self) -> str:
        return reverse("order", args=[self.code]) if self.code else reverse("my_tickets")

    def _url(self, name: str) -> str:
        if self.code:
            return reverse(f"order_{name}", args=[self.code, self.ticket.external_id])
        return reverse(name, args=[self.ticket.external_id])
