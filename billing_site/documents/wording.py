"""Money, moments and seats as customers and staff read them, in the active language."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _


class Seat(NamedTuple):
    """`row` is empty when the label is not «row-number»."""

    section: str
    row: str
    number: str


def pesos(amount: Decimal | int) -> str:
    """Whole Chilean pesos: $25.000."""
    whole = int(amount)
    return f"{'-' if whole < 0 else ''}${abs(whole):,}".replace(",", ".")


def pesos_on_an_axis(amount: Decimal | int) -> str:
    """As short as a scale needs: $500, $20 mil, $4 M."""
    whole = int(amount)
    for unit, word in ((1_000_000, _("M")), (1_000, _("mil"))):
        if whole >= unit:
            shown = f"{whole / unit:.1f}".removesuffix(".0").replace(".", ",")
            return f"${shown} {word}"
    return f"${whole}"


def day(moment: datetime) -> str:
    """«sábado 12 de diciembre de 2026», in the venue's time zone."""
    # Translators: a date format of Django's: weekday, day, month, year.
    return date_format(_local(moment), _(r"l j \d\e F \d\e Y"))


def clock(moment: datetime) -> str:
    """«20:00», in the venue's time zone."""
    return date_format(_local(moment), "H:i")


def day_and_clock(moment: datetime) -> str:
    return _("%(day)s, %(time)s h") % {"day": day(moment), "time": clock(moment)}


def seat_parts(*, section: str, seat: str) -> Seat:
    """«B-12» is row B, seat 12, and so is «PD-B-12» of a section with a prefix; any other label is left whole."""
    before, dash, number = seat.rpartition("-")
    row = before.rpartition("-")[2]
    if dash and row and number.isdigit():
        return Seat(section, row, number)
    return Seat(section, "", seat)


def seat_line(*, section: str, seat: str) -> str:
    """«Platea · fila B · asiento 12», or that no seat is numbered."""
    parts = seat_parts(section=section, seat=seat)
    if not parts.number:
        return _("Entrada general")
    words = [parts.section] if parts.section else []
    if parts.row:
        words.append(_("fila %s") % parts.row)
    words.append(_("asiento %s") % parts.number)
    return " · ".join(words)


def _local(moment: datetime) -> datetime:
    # Not the reader's time zone: the doors open by the clock of the venue.
    return timezone.localtime(moment, timezone.get_default_timezone())
