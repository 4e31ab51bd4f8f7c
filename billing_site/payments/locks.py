"""Every row lock on payment attempts and refunds. Taken after the lock of their order, never before."""

from datetime import datetime

from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.tickets.locks import skips_locked


def attempt(id: int) -> PaymentAttempt:
    """The attempt, locked; its order is locked already."""
    return PaymentAttempt.objects.select_for_update().get(pk=id)


def due_refunds(*, now: datetime, limit: int) -> list[Refund]:
    """Refunds whose money should move now, locked; those that another process is claiming are passed over."""
    unfinished = [Refund.Status.DUE, Refund.Status.STARTED, Refund.Status.UNKNOWN]
    ids = list(
        Refund.objects.filter(status__in=unfinished, next_try_at__lte=now)
        .order_by("next_try_at")
        .values_list("id", flat=True)[:limit]
    )
    rows = Refund.objects.filter(id__in=ids, status__in=unfinished, next_try_at__lte=now)
    return list(rows.select_for_update(skip_locked=skips_locked()).order_by("id"))


def refund(id: int) -> Refund:
    """The refund, locked."""
    return Refund.objects.select_for_update().get(pk=id)
