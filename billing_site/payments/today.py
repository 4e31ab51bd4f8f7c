"""The start page's numbers: today's money and people, and what waits for somebody to look at it."""

from datetime import datetime, time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing_site.accounts.models import Person
from billing_site.dead_letters.models import DeadLetter
from billing_site.documents import wording
from billing_site.documents.models import Document, Mail
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.tickets.models import Admission, Ticket
from middleware_worker.outbox.models import OutboxMessage

Staff = Person | AnonymousUser


class Figure(NamedTuple):
    label: str
    value: str
    note: str = ""
    url: str = ""


def figures(user: Staff) -> list[Figure]:
    """Today's numbers that this person may see."""
    zone = timezone.get_default_timezone()
    start = datetime.combine(timezone.localdate(timezone=zone), time.min, zone)
    found = []
    if user.has_perm("tickets.view_sums"):
        sold = Ticket.objects.filter(paid_at__gte=start).aggregate(n=Count("pk"), money=Sum("price"))
        back = Ticket.objects.filter(refunded_at__gte=start).aggregate(n=Count("pk"), money=Sum("price"))
        income, refunds = sold["money"] or 0, back["money"] or 0
        note = _("%(income)s vendidos, %(refunds)s devueltos") % {
            "income": wording.pesos(income),
            "refunds": wording.pesos(refunds),
        }
        found.append(Figure(_("Venta neta de hoy"), wording.pesos(income - refunds), note, reverse("admin:sums")))
    if user.has_perm("tickets.view_ticket"):
        paid = Ticket.objects.filter(paid_at__gte=start).count()
        waiting = Ticket.objects.filter(status=Ticket.Status.PENDING_PAYMENT).count()
        note = _("%d esperan el pago") % waiting
        found.append(Figure(_("Boletos vendidos hoy"), str(paid), note, reverse("admin:tickets_ticket_changelist")))
    if user.has_perm("tickets.check_in_ticket") or user.has_perm("tickets.view_admission"):
        admitted = Admission.objects.filter(at__gte=start).count()
        url = reverse("admin:check_in") if user.has_perm("tickets.check_in_ticket") else ""
        found.append(Figure(_("Asistentes de hoy"), str(admitted), _("ya pasaron por la puerta"), url))
    return found


def attention(user: Staff) -> list[Figure]:
    """What does not solve itself, with a link to it. Empty when all is well."""
    waiting: list[tuple[str, Any, str, dict[str, str]]] = [
        (
            _("Mensajes muertos por revisar"),
            DeadLetter.objects.filter(status=DeadLetter.Status.OPEN),
            "dead_letters_deadletter",
            {"status__exact": "open"},
        ),
        (
            _("Correos que no se pudieron enviar"),
            Mail.objects.filter(status=Mail.Status.FAILED),
            "documents_mail",
            {"status__exact": "failed"},
        ),
        (
            _("Documentos que fallaron más de tres veces"),
            Document.objects.filter(ready_at=None, tries__gt=3),
            "documents_document",
            {"ready_at__isnull": "True"},
        ),
        (
            _("Pagos por averiguar"),
            PaymentAttempt.objects.filter(status=PaymentAttempt.Status.UNKNOWN),
            "payments_paymentattempt",
            {"status__exact": "unknown"},
        ),
        (
            _("Reembolsos rechazados por la pasarela"),
            Refund.objects.filter(status=Refund.Status.FAILED),
            "payments_refund",
            {"status__exact": "failed"},
        ),
        (
            _("Mensajes que la otra parte rechazó"),
            OutboxMessage.objects.filter(state=OutboxMessage.State.REJECTED),
            "outbox_outboxmessage",
            {"state__exact": str(OutboxMessage.State.REJECTED.value)},
        ),
    ]
    found = []
    for label, rows, name, query in waiting:
        app, model = name.rsplit("_", 1)
        if user.has_perm(f"{app}.view_{model}") and (count := rows.count()):
            url = f"{reverse(f'admin:{name}_changelist')}?{urlencode(query)}"
            found.append(Figure(label, str(count), url=url))
    return found
