"""How the pages write money, dates and seats."""

from datetime import datetime

from django import template
from django.utils import formats, timezone
from django.utils.translation import get_language

register = template.Library()


@register.filter
def pesos(amount: int | None) -> str:
    """25000 → "$25.000", as prices are written in Chile."""
    return "" if amount is None else f"${amount:,}".replace(",", ".")


def _spanish() -> bool:
    return (get_language() or "es").startswith("es")


@register.filter
def long_date(moment: datetime | None) -> str:
    """ "sábado 12 de diciembre de 2026" in the venue's local time."""
    if moment is None:
        return ""
    return formats.date_format(timezone.localtime(moment), r"l j \d\e F \d\e Y" if _spanish() else "l, F j, Y")


@register.filter
def card_date(moment: datetime | None) -> str:
    """ "sábado 12 de diciembre"; with the year when it is another one than now."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    if local.year != timezone.localtime().year:
        return long_date(moment)
    return formats.date_format(local, r"l j \d\e F" if _spanish() else "l, F j")


@register.filter
def short_date(moment: datetime | None) -> str:
    """ "sáb 12 dic"."""
    if moment is None:
        return ""
    return formats.date_format(timezone.localtime(moment), "D j M" if _spanish() else "D, M j").lower().replace(".", "")


@register.filter
def clock(moment: datetime | None) -> str:
    """ "20:00"."""
    return "" if moment is None else formats.date_format(timezone.localtime(moment), "H:i")


@register.filter
def iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


@register.filter
def poster(event_id: int) -> int:
    """Which of the six drawn posters an event has."""
    return event_id % 6


@register.filter
def percent(part: int, whole: int) -> int:
    return 0 if not whole else min(100, max(0, round(100 * part / whole)))
