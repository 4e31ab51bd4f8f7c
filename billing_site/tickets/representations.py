"""Tickets and orders as the API shows them."""

from typing import Any

from billing_site.documents.services import state_of
from billing_site.payments import gateway
from billing_site.payments.models import Refund
from billing_site.tickets import selectors, signing
from billing_site.tickets.models import Order, Ticket

ADMITTED = (Ticket.Status.PAID, Ticket.Status.USED)


def ticket(row: Ticket, *, with_order: bool = False) -> dict[str, Any]:
    """A ticket whose order is read already. Money is whole pesos.

    The order's code is a secret that proves a claim: only who holds the order gets it (`with_order`).
    """
    shown: dict[str, Any] = {
        "id": row.pk,
        "external_id": row.external_id,
        "status": row.status,
        "rut": row.person_id,
        "price": int(row.price),
        "event": row.event,
        "event_id": row.event_id,
        "venue": row.order.venue,
        "starts_at": row.order.starts_at,
        "expires_at": row.order.expires_at,
        "seat": row.seat or None,
        "section": row.section,
        "created_at": row.created_at,
        "paid_at": row.paid_at,
        "used_at": row.used_at,
        "refunded_at": row.refunded_at,
        "refundable": selectors.is_refundable(row),
    }
    return {**shown, "order": row.order.code} if with_order else shown


def held_tickets(rows: list[Ticket]) -> list[dict[str, Any]]:
    """Tickets for whoever holds them: with the order's code, the state of the PDF and what the QR says."""
    documents, refunds = state_of(rows), selectors.refunds_of(rows)
    return [
        {
            **ticket(row, with_order=True),
            "document": documents.get(row.pk, "none"),
            "qr": signing.sign(row) if row.status in ADMITTED else None,
            "refund": _refund(refunds.get(row.pk)),
        }
        for row in rows
    ]


def _refund(row: Refund | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {"status": row.status, "amount": int(row.amount), "card_last4": row.attempt.card_last4}


def order(row: Order) -> dict[str, Any]:
    """An order with its tickets and its last payment, for whoever holds it."""
    tickets = sorted(row.tickets.select_related("order"), key=lambda found: (found.section, found.seat_id or 0))
    attempt = selectors.latest_attempt(row)
    payment: dict[str, Any] | None = None
    if attempt:
        payment = {"status": attempt.status, "error": attempt.error}
        if attempt.is_at_form:
            payment["form"] = {"url": attempt.form_url, "token": attempt.token}
    return {
        "code": row.code,
        "rut": row.person_id,
        "name": row.name,
        "email": row.email,
        "status": selectors.order_status(row, tickets),
        "total": int(sum(found.price for found in tickets)),
        "event": row.event,
        "event_id": row.event_id,
        "venue": row.venue,
        "starts_at": row.starts_at,
        "expires_at": row.expires_at,
        "created_at": row.created_at,
        "claimed": row.claimed_at is not None,
        "tickets": held_tickets(tickets),
        "payment": payment,
        # Where the buyer types the card: in the portal (`card`), or on the page of the gateway named here.
        "pay_with": through.name if (through := gateway.with_form()) else "card",
    }
