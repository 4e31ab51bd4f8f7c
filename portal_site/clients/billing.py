"""The billing site as the portal uses it: orders, payments, tickets, documents, people."""

from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import requests
from django.conf import settings
from pydantic import Field, TypeAdapter

from portal_site.clients.calls import Refused, Site, Unavailable, Visitor
from portal_site.clients.reservations import Answer, Pesos

PAY_READ_SECONDS = 20.0


class MoneyBack(Answer):
    """The refund of a ticket: `status` is due, started, done, unknown or failed."""

    status: str
    amount: Pesos = 0
    card_last4: str = ""

    @property
    def under_way(self) -> bool:
        return self.status in ("due", "started", "unknown")


class Ticket(Answer):
    external_id: str
    status: str
    price: Pesos = 0
    event: str = ""
    seat: str | None = ""
    section: str = ""
    venue: str = ""
    starts_at: datetime | None = None
    created_at: datetime | None = None
    paid_at: datetime | None = None
    used_at: datetime | None = None
    refunded_at: datetime | None = None
    document: str = "none"
    qr: str | None = None
    order: str = ""
    refundable: bool | None = None
    refund: MoneyBack | None = None

    @property
    def may_be_refunded(self) -> bool:
        """Billing decides; this only says whether asking makes sense."""
        return self.status == "PAID" and self.refundable is not False

    @property
    def changes_soon(self) -> bool:
        """Whether it is paid and its QR code or PDF is still to come, or its money is on the way back."""
        if self.status == "PAID":
            return not self.qr or self.document == "preparing"
        return self.refund is not None and self.refund.under_way

    @property
    def version(self) -> str:
        """Changes whenever the ticket would look different."""
        return f"{self.external_id} {self.status} {self.document} {bool(self.qr)} {self.refund and self.refund.status}"


class PayForm(Answer):
    """The gateway's own page, where the buyer pays: the browser posts the token there."""

    url: str = Field(pattern=r"^https?://[^/]+/")
    token: str


class Payment(Answer):
    status: Literal["started", "captured", "declined", "unknown"] | str
    error: str | None = ""
    form: PayForm | None = None


class Order(Answer):
    code: str
    status: str
    total: Pesos
    expires_at: datetime | None = None
    event: str = ""
    venue: str = ""
    starts_at: datetime | None = None
    tickets: tuple[Ticket, ...]
    payment: Payment | None = None
    # Where the card is typed: here, or on the page of the gateway that is named.
    pay_with: str = "card"


class Person(Answer):
    rut: int
    rut_display: str = ""
    full_name: str = ""
    email: str | None = ""
    verified: bool = False


class LoggedIn(Answer):
    token: str
    person: Person


class Claimed(Answer):
    linked: tuple[str, ...] = ()
    verified: bool = False


_tickets: TypeAdapter[list[Ticket]] = TypeAdapter(list[Ticket])


def _quoted(text: str) -> str:
    return quote(text, safe="")


class BillingSite:
    def __init__(self, *, url: str, key: str) -> None:
        self.site = Site(name="billing", url=url, key=key, knows_people=True)

    def order(self, code: str, visitor: Visitor) -> Order | None:
        """None while billing has not heard of it. The code is the proof, so no person is named."""
        try:
            response = self.site.call(
                "GET", f"/api/orders/{_quoted(code)}", visitor=_nobody(visitor), headers=_by(code)
            )
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return self.site.parsed(response, Order.model_validate)

    def pay(self, *, code: str, card: dict[str, str], key: str, visitor: Visitor) -> Order | None:
        """The paid order, or one with a form to pay at; None when it is not known yet what became of the money.

        Refused says why not.
        """
        response = self.site.call(
            "POST",
            f"/api/orders/{_quoted(code)}/pay",
            visitor=_nobody(visitor),
            body=card,
            headers={"Idempotency-Key": key, **_by(code)},
            read_seconds=PAY_READ_SECONDS,
        )
        if response.status_code == HTTPStatus.ACCEPTED:
            return None
        return self.site.parsed(response, Order.model_validate)

    def back_from_webpay(self, *, brought: dict[str, str], visitor: Visitor) -> str:
        """The code of the order that a return from Webpay is about. May be asked again: the money moves once."""
        response = self.site.call(
            "POST",
            "/api/payments/webpay/return",
            visitor=_nobody(visitor),
            body=brought,
            read_seconds=PAY_READ_SECONDS,
        )
        return self.site.parsed(response, lambda data: str(data["order"]))

    def refund(self, *, external_id: str, code: str, reason: str, key: str, visitor: Visitor) -> Ticket:
        """The refunded ticket. Refused with code `not_refundable`."""
        response = self.site.call(
            "POST",
            f"/api/tickets/{_quoted(external_id)}/refund",
            visitor=_nobody(visitor) if code else visitor,
            body={"reason": reason},
            headers={"Idempotency-Key": key, **_by(code)},
            read_seconds=PAY_READ_SECONDS,
        )
        return self.site.parsed(response, Ticket.model_validate)

    def document(self, *, external_id: str, code: str, visitor: Visitor) -> bytes | None:
        """The ticket's PDF; None while it is in preparation."""
        response = self.site.call(
            "GET",
            f"/api/tickets/{_quoted(external_id)}/document",
            visitor=_nobody(visitor) if code else visitor,
            headers={"Accept": "application/pdf, application/json", **_by(code)},
        )
        if response.status_code == HTTPStatus.ACCEPTED:
            return None
        if not response.headers.get("Content-Type", "").startswith("application/pdf"):
            raise Unavailable("billing", "sent a document that is no PDF")
        return response.content

    def tickets(self, visitor: Visitor) -> list[Ticket]:
        """The tickets that the person of the token may see, newest first."""
        response = self.site.call("GET", "/api/tickets?page_size=100", visitor=visitor)
        return self.site.parsed(
            response, lambda data: _tickets.validate_python(data.get("results", data.get("tickets")))
        )

    def ticket(self, external_id: str, visitor: Visitor) -> Ticket | None:
        """None when there is no such ticket, or it is another person's."""
        try:
            response = self.site.call("GET", f"/api/tickets/{_quoted(external_id)}", visitor=visitor)
        except Refused as refused:
            if refused.status in (403, 404):
                return None
            raise
        return self.site.parsed(response, Ticket.model_validate)

    def register(self, *, person: dict[str, Any], key: str, visitor: Visitor) -> None:
        """Has a mail with the link to confirm sent."""
        self._post("/api/register", person, visitor, key)

    def confirm(self, *, token: str, visitor: Visitor) -> LoggedIn:
        return self.site.parsed(self._post("/api/register/confirm", {"token": token}, visitor), LoggedIn.model_validate)

    def login(self, *, who: dict[str, Any], password: str, visitor: Visitor) -> LoggedIn:
        response = self._post("/api/login", {**who, "password": password}, visitor)
        return self.site.parsed(response, LoggedIn.model_validate)

    def claim(self, *, code: str, key: str, visitor: Visitor) -> Claimed:
        """Links the order that the code proves to the person of the token."""
        response = self.site.call(
            "POST", "/api/claims", visitor=visitor, body={"code": code}, headers={"Idempotency-Key": key}
        )
        return self.site.parsed(response, Claimed.model_validate)

    def change_email(self, *, email: str, password: str, key: str, visitor: Visitor) -> None:
        """Has a link mailed to the new address of the token's person. Refused with `fields` for a wrong password."""
        self.site.call(
            "POST",
            "/api/me/email",
            visitor=visitor,
            body={"email": email, "password": password},
            headers={"Idempotency-Key": key},
        )

    def confirm_email(self, *, token: str, visitor: Visitor) -> Person:
        """The person, with the new address."""
        return self.site.parsed(self._post("/api/email/confirm", {"token": token}, visitor), Person.model_validate)

    def forgot_password(self, *, email: str, key: str, visitor: Visitor) -> None:
        self._post("/api/password/forgot", {"email": email}, visitor, key)

    def reset_password(self, *, token: str, password: str, key: str, visitor: Visitor) -> None:
        self._post("/api/password/reset", {"token": token, "password": password}, visitor, key)

    def _post(self, path: str, body: dict[str, Any], visitor: Visitor, key: str = "") -> requests.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.site.call("POST", path, visitor=_nobody(visitor), body=body, headers=headers)


def _nobody(visitor: Visitor) -> Visitor:
    """The same visitor without the person: what the code proves must not depend on who is logged in."""
    return Visitor(address=visitor.address, language=visitor.language)


def _by(code: str) -> dict[str, str]:
    return {"X-Booking-Code": code} if code else {}


@cache
def _site(url: str, key: str) -> BillingSite:
    return BillingSite(url=url, key=key)


def billing() -> BillingSite:
    """The billing site at the address of the settings."""
    return _site(settings.BILLING_URL, settings.SERVICE_KEY)
