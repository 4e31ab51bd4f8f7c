"""What turns due rows into PDFs and mails. Several processes may run these side by side.

A row is claimed in a short transaction that also says when the claim runs out; the work is done outside
of it. A process that dies in the middle leaves a claim that another takes over: a PDF is rendered
again, a mail goes out again with the same Message-ID.
"""

import logging
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from billing_site.documents import locks, mails, pdf
from billing_site.documents.mails import ADMITTED
from billing_site.documents.models import Document, Mail
from middleware_worker.outbox.transactions import retrying

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
MAX_MAIL_TRIES = 10
LONGEST_PAUSE = timedelta(hours=1)


def issue_due(limit: int = 20) -> int:
    """Renders and stores the PDFs that are due; how many were done or failed just now."""
    claimed = _claim_documents(limit)
    for document in claimed:
        try:
            content = pdf.render(document.ticket)
        except Exception as error:
            log.exception("document of ticket %s", document.ticket.external_id)
            pause = _pause(document.tries)
            Document.objects.filter(pk=document.pk).update(next_try_at=timezone.now() + pause, error=_short(error))
        else:
            Document.objects.filter(pk=document.pk, ready_at=None).update(
                pdf=content, ready_at=timezone.now(), error=""
            )
    return len(claimed)


def send_due(limit: int = 20) -> int:
    """Sends the mails that are due; how many were sent or failed just now."""
    done = 0
    # Claimed one by one: a slow mail server must not let the claims of a whole batch run out.
    while done < limit and (mail := _claim_mail()):
        done += 1
        try:
            message = mails.compose(mail)
            if message is not None:
                message.send()
        except Exception as error:
            log.warning("mail %s: %r", mail.key, error)
            status = Mail.Status.FAILED if mail.tries >= MAX_MAIL_TRIES else Mail.Status.DUE
            _settle(mail, status=status, next_try_at=timezone.now() + _pause(mail.tries), error=_short(error))
        else:
            # The links in it are secrets: nobody needs them here any more.
            settled = {"error": "", "context": {}}
            if message is None:
                _settle(mail, status=Mail.Status.OBSOLETE, **settled)
            else:
                _settle(mail, status=Mail.Status.SENT, sent_at=timezone.now(), **settled)
    return done


@retrying
def _claim_documents(limit: int) -> list[Document]:
    due = Document.objects.filter(ready_at=None, next_try_at__lte=timezone.now(), ticket__status__in=ADMITTED)
    rows = locks.documents(due.order_by("next_try_at").values_list("id", flat=True)[:limit])
    for row in rows:
        row.tries += 1
        row.next_try_at = timezone.now() + LEASE
        row.save(update_fields=["tries", "next_try_at"])
    return list(
        Document.objects.filter(id__in=[row.id for row in rows])
        .defer("pdf")
        .select_related("ticket__order__person", "ticket__person")
        .order_by("id")
    )


@retrying
def _claim_mail() -> Mail | None:
    row = locks.next_mail(_due_mails().order_by("next_try_at").values_list("id", flat=True)[:20])
    if row is None:
        return None
    row.status = Mail.Status.SENDING
    row.tries += 1
    row.next_try_at = timezone.now() + LEASE
    row.save(update_fields=["status", "tries", "next_try_at"])
    return row


def _due_mails() -> QuerySet[Mail]:
    unfinished = Document.objects.filter(
        ticket__order=OuterRef("order"), ticket__status__in=ADMITTED, ready_at__isnull=True
    )
    return Mail.objects.filter(
        ~Exists(unfinished) | ~Q(kind="order_paid"),
        status__in=[Mail.Status.DUE, Mail.Status.SENDING],
        next_try_at__lte=timezone.now(),
    )


def _settle(mail: Mail, *, status: Mail.Status, **fields: object) -> None:
    Mail.objects.filter(pk=mail.pk, status=Mail.Status.SENDING).update(status=status, **fields)


def _pause(tries: int) -> timedelta:
    return min(LONGEST_PAUSE, timedelta(seconds=10) * 2 ** min(tries, 10))


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
