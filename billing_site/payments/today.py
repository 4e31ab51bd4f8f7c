"""The start page's numbers: today's money and people, and what waits for somebody to look at it."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Min, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from billing_site.accounts.models import Person
from billing_site.charts import Chart, Series, bars
from billing_site.dead_letters.models import DeadLetter
from billing_site.documents import wording
from billing_site.documents.models import Document, Mail
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.payments.sums import NOTHING, HourLine, by_hour
from billing_site.tickets.models import Admission, Ticket
from middleware_worker.outbox.models import OutboxMessage

Staff = Person | AnonymousUser
DAYS = 14
# What waits longer to be carried is late: a message takes about a second.
LATE = timedelta(minutes=5)


class Figure(NamedTuple):
    label: str
    value: str
    note: str = ""
    url: str = ""
    tone: str = ""


def figures(user: Staff) -> list[Figure]:
    """Today's numbers that this person may see."""
    start, end = _today()
    sold, back = _sum("paid_at", start, end), _sum("refunded_at", start, end)
    found = []
    if user.has_perm("tickets.view_sums"):
        note = _("%(income)s vendidos, %(refunds)s devueltos") % {
            "income": wording.pesos(sold.money),
            "refunds": wording.pesos(back.money),
        }
        net = wording.pesos(sold.money - back.money)
        found.append(Figure(_("Venta neta de hoy"), net, note, reverse("admin:sums")))
    if user.has_perm("tickets.view_ticket"):
        tickets = reverse("admin:tickets_ticket_changelist")
        waiting = Ticket.objects.filter(status=Ticket.Status.PENDING_PAYMENT).count()
        note = _("%d esperan el pago") % waiting
        found.append(Figure(_("Boletos vendidos hoy"), str(sold.n), note, f"{tickets}?paid=0"))
        url = reverse("admin:payments_refund_changelist") if user.has_perm("payments.view_refund") else ""
        found.append(Figure(_("Boletos reembolsados hoy"), str(back.n), _("sus asientos quedaron libres"), url))
    if user.has_perm("tickets.check_in_ticket") or user.has_perm("tickets.view_admission"):
        admitted = Admission.objects.filter(at__gte=start, at__lt=end).count()
        url = reverse("admin:check_in") if user.has_perm("tickets.check_in_ticket") else ""
        found.append(Figure(_("Asistentes de hoy"), str(admitted), _("ya pasaron por la puerta"), url))
    if user.has_perm("dead_letters.view_deadletter"):
        dead = DeadLetter.objects.filter(status=DeadLetter.Status.OPEN).count()
        url = reverse("admin:dead_letters_deadletter_changelist") + "?status__exact=open"
        tone = "bad" if dead else ""
        found.append(Figure(_("Mensajes muertos"), str(dead), _("esperan que alguien los mire"), url, tone))
    if user.has_perm("outbox.view_outboxmessage"):
        oldest = OutboxMessage.objects.filter(state=OutboxMessage.State.OPEN).aggregate(at=Min("created_at"))["at"]
        age = timesince(oldest, depth=1) if oldest else _("nada")
        note = _("el mensaje más antiguo sin confirmar") if oldest else _("todo está confirmado por reservas")
        tone = "bad" if oldest and timezone.now() - oldest > LATE else ""
        found.append(Figure(_("Por llevar a reservas"), age, note, reverse("admin:carriage"), tone))
    return found


def charts(user: Staff) -> list[Chart]:
    """Today by the hour and the last two weeks by the day, as far as this person may see them."""
    start, end = _today()
    labels = _hours_of_today(start, end)
    found = []
    if user.has_perm("tickets.view_ticket"):
        sold, back = by_hour(Ticket, "paid_at", start, end), by_hour(Ticket, "refunded_at", start, end)
        counts = [[rows.get(hour, NOTHING).n for hour in labels] for rows in (sold, back)]
        summary = _("%(sold)d vendidos y %(back)d reembolsados; la hora con más ventas es %(peak)s.")
        found.append(
            bars(
                title=_("Boletos de hoy, por hora"),
                summary=summary % {"sold": sum(counts[0]), "back": sum(counts[1]), "peak": _peak(labels, counts[0])},
                labels=list(labels.values()),
                series=[
                    Series(_("vendidos"), "bar-income", counts[0]),
                    Series(_("reembolsados"), "bar-refund", counts[1]),
                ],
                write=str,
            )
        )
    if user.has_perm("tickets.view_sums"):
        found.append(_fortnight())
    if user.has_perm("tickets.check_in_ticket") or user.has_perm("tickets.view_admission"):
        rows = by_hour(Admission, "at", start, end)
        admitted = [rows.get(hour, NOTHING).n for hour in labels]
        found.append(
            bars(
                title=_("Ingresos de hoy, por hora"),
                summary=_("%(n)d personas; la hora con más ingresos es %(peak)s.")
                % {"n": sum(admitted), "peak": _peak(labels, admitted)},
                labels=list(labels.values()),
                series=[Series(_("ingresos"), "bar-good", admitted)],
                write=str,
            )
        )
    return found


def _fortnight() -> Chart:
    start, end = _today(before=DAYS - 1)
    days = {timezone.localdate() - timedelta(days=n): [0, 0] for n in reversed(range(DAYS))}
    for place, stamp in enumerate(("paid_at", "refunded_at")):
        for hour, line in by_hour(Ticket, stamp, start, end, money=True).items():
            days[timezone.localtime(hour, timezone.get_default_timezone()).date()][place] += line.money
    sold, back = [line[0] for line in days.values()], [line[1] for line in days.values()]
    return bars(
        title=_("Dinero de los últimos %d días") % DAYS,
        summary=_("%(sold)s vendidos y %(back)s devueltos.")
        % {"sold": wording.pesos(sum(sold)), "back": wording.pesos(sum(back))},
        labels=[f"{day:%d-%m}" for day in days],
        series=[Series(_("vendido"), "bar-income", sold), Series(_("devuelto"), "bar-refund", back)],
        write=wording.pesos,
        on_axis=wording.pesos_on_an_axis,
        left=62,
        ticks=5,
        least=1000,
    )


def _today(*, before: int = 0) -> tuple[datetime, datetime]:
    """The first moment of today in the venue's time zone (or some days before), and the first of tomorrow."""
    zone = timezone.get_default_timezone()
    day = timezone.localdate(timezone=zone)
    first = datetime.combine(day - timedelta(days=before), time.min, zone)
    return first, datetime.combine(day + timedelta(days=1), time.min, zone)


def _sum(stamp: str, start: datetime, end: datetime) -> HourLine:
    rows = Ticket.objects.filter(**{f"{stamp}__gte": start, f"{stamp}__lt": end})
    found = rows.aggregate(count=Count("pk"), money=Sum("price"))
    return HourLine(found["count"], int(found["money"] or 0))


def _hours_of_today(start: datetime, end: datetime) -> dict[datetime, str]:
    """Each hour of the day in UTC, with its name; 23 or 25 of them when the clock is changed."""
    first, hours = start.astimezone(UTC), int((end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() // 3600)
    found = [first + timedelta(hours=n) for n in range(hours)]
    return {hour: f"{timezone.localtime(hour, timezone.get_default_timezone()):%H} h" for hour in found}


def _peak(labels: dict[datetime, str], counts: list[int]) -> str:
    most = max(counts, default=0)
    return list(labels.values())[counts.index(most)] if most else _("ninguna")


def attention(user: Staff) -> list[Figure]:
    """What does not solve itself, with a link to it. Empty when all is well."""
    waiting: list[tuple[str, Any, str, dict[str, str]]] = [
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
