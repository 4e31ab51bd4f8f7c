"""Every row lock on documents and mails. They are taken alone, never together with an order's lock."""

from collections.abc import Iterable

from django.db import connection
from django.utils import timezone

from billing_site.documents.models import Document, Mail


def documents(ids: Iterable[int]) -> list[Document]:
    """Those of the documents that are still due, locked; rows that another process is claiming are passed over."""
    rows = Document.objects.filter(id__in=list(ids), ready_at=None, next_try_at__lte=timezone.now())
    return list(rows.defer("pdf").select_for_update(skip_locked=_skips()).order_by("id"))


def next_mail(ids: Iterable[int]) -> Mail | None:
    """One of the mails that is still due, locked; rows that another process is claiming are passed over."""
    rows = Mail.objects.filter(
        id__in=list(ids), status__in=[Mail.Status.DUE, Mail.Status.SENDING], next_try_at__lte=timezone.now()
    )
    return rows.select_for_update(skip_locked=_skips()).order_by("id").first()


def mail(id: int, *, status: str) -> Mail | None:
    """The mail, locked, if it has this status."""
    return Mail.objects.filter(id=id, status=status).select_for_update().first()


def failing_document(id: int) -> Document | None:
    """The document, locked, if it is not ready."""
    return Document.objects.filter(id=id, ready_at=None).defer("pdf").select_for_update().first()


def _skips() -> bool:
    return connection.features.has_select_for_update_skip_locked
