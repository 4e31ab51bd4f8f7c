"""What must be issued, written down in the transaction that made it due. Nothing here renders or sends."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from billing_site.accounts.models import Person
from billing_site.documents import locks
from billing_site.documents.mails import ADMITTED, KINDS
from billing_site.documents.models import Document, Mail
from billing_site.tickets import audit
from billing_site.tickets.models import Order, Ticket
from middleware_worker.outbox.transactions import retrying

# Mails to a buyer that may be sent once more; the others hold links that open accounts.
COPIED = {"order_received", "order_paid", "ticket_refunded", "event_cancelled"}


class NotIssued(Exception):
    """The ticket has no document: it is not paid, or no longer."""


def order_received(*, order: Order) -> None:
    """Mails the buyer what is reserved, until when it can be paid, and the link that proves it is theirs."""
    _mail_buyer(order, kind="order_received", key=f"received:{order.pk}")


def order_paid(*, order: Order) -> None:
    """One PDF for each paid ticket, and one mail with all of them when they are ready."""
    tickets = order.tickets.filter(status__in=ADMITTED).order_by("id")
    # INSERT IGNORE, in id order: the form that does not deadlock on MariaDB. See docs/locking.md.
    Document.objects.bulk_create([Document(ticket=ticket) for ticket in tickets], ignore_conflicts=True)
    _mail_buyer(order, kind="order_paid", key=f"paid:{order.pk}")


def ticket_refunded(*, ticket: Ticket) -> None:
    """Mails the buyer that the ticket is void and the money on its way back."""
    context = {"ticket": ticket.pk}
    _mail_buyer(ticket.order, kind="ticket_refunded", key=f"refunded:{ticket.pk}", context=context)


def event_cancelled(*, order: Order, refunded: Iterable[Ticket]) -> None:
    """One mail to the buyer of a cancelled event, in the place of one for each refunded ticket."""
    context = {"refunded": [ticket.pk for ticket in refunded]}
    _mail_buyer(order, kind="event_cancelled", key=f"cancelled:{order.pk}", context=context)


def queue_mail(
    *,
    kind: str,
    key: str,
    to: str,
    context: dict[str, Any] | None = None,
    order: Order | None = None,
    person: Person | None = None,
) -> None:
    """Queues a mail, unless one with this key already was. It goes out after the caller's commit.

    `kind` is one of `mails.KINDS`, where each says what it needs in `context`. Raises ValueError for an
    unknown kind, a missing entry or an address that is none.
    """
    context = context or {}
    missing = [name for name in KINDS[kind].needs if name not in context] if kind in KINDS else [kind]
    if missing or len(key) > 200:
        raise ValueError(f"mail {kind!r}: unknown, or without {missing}, or its key is too long")
    try:
        validate_email(to)
    except ValidationError as error:
        raise ValueError(f"mail {kind!r}: {to!r} is no address") from error
    mail = Mail(key=key, kind=kind, to=to, context=context, order=order, person=person)
    Mail.objects.bulk_create([mail], ignore_conflicts=True)


def recipient(order: Order) -> str:
    """Where the order's mails go, or "".

    To the address given with the reservation; else to the person, but only once it is proven that the
    order is theirs: equality of RUT alone shows nobody anything.
    """
    if order.email:
        return order.email
    person = order.person
    proven = order.claimed_at is not None or person.verified_at is not None
    return person.email or "" if proven and person.email_confirmed_at else ""


def document_for(ticket: Ticket) -> bytes | None:
    """The ticket's PDF; None while it is in preparation. Raises NotIssued unless the ticket admits."""
    if ticket.status not in ADMITTED:
        raise NotIssued(ticket.external_id)
    pdf = Document.objects.filter(ticket=ticket).values_list("pdf", flat=True).first()
    return bytes(pdf) if pdf is not None else None


def state_of(tickets: Iterable[Ticket]) -> dict[int, str]:
    """For each ticket's pk "none", "preparing" or "ready"; one query, and no PDF is read."""
    wanted = [ticket.pk for ticket in tickets if ticket.status in ADMITTED]
    found = dict(Document.objects.filter(ticket__in=wanted).values_list("ticket_id", "ready_at"))
    return {pk: ("ready" if found[pk] else "preparing") if pk in found else "none" for pk in wanted}


@retrying
def send_again(*, mail: Mail, by: str) -> bool:
    """Tries a mail that was given up once more; False when it was not given up."""
    row = locks.mail(mail.pk, status=Mail.Status.FAILED)
    if row is None:
        return False
    row.status, row.tries, row.next_try_at = Mail.Status.DUE, 0, timezone.now()
    row.save(update_fields=["status", "tries", "next_try_at"])
    audit.record("mail.send_again", by=by, order=row.order, person=row.person, detail={"mail": row.key})
    return True


@retrying
def send_copy(*, mail: Mail, by: str) -> bool:
    """Queues a mail about an order once more, for a buyer who lost it; False when it has not gone out yet.

    It goes where the order's mails go now, not where they went then. One that was given up is tried again. Mails
    that open an account are never copied: whoever wants in asks for a new link.
    """
    if mail.status == Mail.Status.FAILED:
        return send_again(mail=mail, by=by)
    row = locks.mail(mail.pk, status=Mail.Status.SENT)
    if row is None or row.order is None or row.kind not in COPIED:
        return False
    to = recipient(row.order) or row.to
    original = row.key.partition("#")[0]
    number = Mail.objects.filter(key__startswith=f"{original}#").count() + 2
    queue_mail(kind=row.kind, key=f"{original}#{number}", to=to, context=row.context, order=row.order)
    audit.record("mail.copied", by=by, order=row.order, reason=f"→ {to}", detail={"mail": row.key, "copy": number})
    return True


@retrying
def issue_again(*, document: Document, by: str) -> bool:
    """Tries a document that could not be rendered at once; False when it is ready."""
    row = locks.failing_document(document.pk)
    if row is None:
        return False
    row.next_try_at = timezone.now()
    row.save(update_fields=["next_try_at"])
    audit.record("document.issue_again", by=by, ticket=row.ticket, order=row.ticket.order)
    return True


def _mail_buyer(order: Order, *, kind: str, key: str, context: dict[str, Any] | None = None) -> None:
    to = recipient(order)
    if to:
        queue_mail(kind=kind, key=key, to=to, context=context, order=order)
