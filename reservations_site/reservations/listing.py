"""What the lists of reservations and of the audit find, and what their files hold."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from middleware_worker.contract.rut import format_rut
from reservations_site.events.models import Seat
from reservations_site.exports import Column
from reservations_site.reservations.models import AuditEntry, Line, Reservation
from reservations_site.reservations.selectors import CODE, Booking, searched_rut, typed_code
from reservations_site.reservations.words import action_name, detail_text

LABELS = {
    "held": (gettext_lazy("por pagar"), "wait"),
    "cancelling": (gettext_lazy("cancelación pedida"), "wait"),
    "confirmed": (gettext_lazy("pagada"), "good"),
    "released": (gettext_lazy("liberada"), "quiet"),
    "mixed": (gettext_lazy("mixta"), "wait"),
}


def searched(rows: QuerySet[Any], typed: str) -> QuerySet[Any]:
    """The reservations that staff mean by what a customer told: by index where a code or a RUT was typed."""
    text = typed.strip().replace("\x00", "")
    if not text:
        return rows
    if CODE.fullmatch(typed_code(text)):
        return rows.filter(code=typed_code(text))
    rut = searched_rut(text)
    # A bare number whose last digit happens to check may be meant either way.
    either = {rut} | ({int(text)} if text.isascii() and text.isdigit() and len(text) <= 8 else set())
    if either != {None}:
        return rows.filter(rut__in=either - {None})
    seats = Seat.objects.filter(label__iexact=text).order_by().values("id")
    held = Line.objects.filter(seat_id__in=seats).order_by().values("reservation_id")
    return rows.filter(Q(name__icontains=text) | Q(email__icontains=text) | Q(id__in=held))


def seat_names(reservation: Reservation) -> str:
    return ", ".join(line.seat.label for line in reservation.lines.all())


def _status(reservation: Reservation) -> Any:
    return LABELS[Booking(reservation, list(reservation.lines.all())).status][0]


def _masked_actor(entry: AuditEntry) -> str:
    """Staff and programs by name; of a buyer only that it was one."""
    return "rut" if entry.by.startswith("rut:") else entry.by


RESERVATION_COLUMNS = [
    Column(gettext_lazy("código"), lambda r: r.code),
    Column(gettext_lazy("estado"), _status),
    Column(gettext_lazy("asientos"), seat_names),
    Column(gettext_lazy("RUT"), lambda r: format_rut(r.rut), personal=True),
    Column(gettext_lazy("nombre"), lambda r: r.name, personal=True),
    Column(gettext_lazy("correo"), lambda r: r.email, personal=True),
    Column(gettext_lazy("evento"), lambda r: r.event.name),
    Column(gettext_lazy("total"), lambda r: int(sum(line.price for line in r.lines.all()))),
    Column(gettext_lazy("canal"), lambda r: r.caller),
    Column(gettext_lazy("creada"), lambda r: r.created_at),
    Column(gettext_lazy("vence"), lambda r: r.expires_at),
]
AUDIT_COLUMNS = [
    Column(gettext_lazy("cuándo"), lambda e: e.at),
    Column(gettext_lazy("quién"), lambda e: e.by, personal=True, masked=_masked_actor),
    Column(gettext_lazy("qué"), lambda e: action_name(e.action)),
    Column(gettext_lazy("evento"), lambda e: e.event.name if e.event else ""),
    Column(gettext_lazy("reserva"), lambda e: e.reservation.code if e.reservation else ""),
    Column(gettext_lazy("detalle"), lambda e: detail_text(e.detail), personal=True),
]
