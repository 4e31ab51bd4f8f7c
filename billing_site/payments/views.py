"""The sums of money by event and day, as a table and as bars."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing_site.documents import wording
from billing_site.payments.sums import Line, sums
from billing_site.tickets.models import Order

LONGEST = 92  # days
CHART_WIDTH, CHART_HEIGHT, BASELINE, LEFT = 720, 220, 186, 84


class SumsForm(forms.Form):
    first = forms.DateField(
        label=gettext_lazy("Desde"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(
        label=gettext_lazy("Hasta"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    event = forms.ChoiceField(label=gettext_lazy("Evento"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Order.objects.order_by("event").values_list("event", flat=True).distinct()
        self.fields["event"].choices = [("", _("Todos los eventos")), *((name, name) for name in names)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and not 0 <= (last - first).days < LONGEST:
            raise ValidationError(_("Elige un período de 1 a %d días, del primero al último.") % LONGEST)
        return data


@dataclass(frozen=True)
class Bar:
    """A day's two bars side by side: what came in, and what went back."""

    x: float
    width: float
    y: float
    height: float
    refund_y: float
    refund_height: float
    label: str
    title: str

    @property
    def middle(self) -> float:
        return self.x + self.width

    @property
    def refund_x(self) -> float:
        return self.x + self.width + 1


def sums_page(request: HttpRequest) -> HttpResponse:
    """What was sold and given back in a period; the last two weeks unless another one is asked for."""
    if not request.user.has_perm("tickets.view_sums"):
        raise PermissionDenied
    today = timezone.localdate()
    initial = {"first": today - timedelta(days=13), "last": today, "event": ""}
    asked = {name: request.GET.get(name) or value for name, value in initial.items()}
    form = SumsForm(asked)
    period = form.cleaned_data if form.is_valid() else initial
    found = sums(**period)
    context = {
        **admin.site.each_context(request),
        "title": _("Sumas por evento y día"),
        "form": form,
        "total": _cells(found.total),
        "events": [(name, _cells(line)) for name, line in found.by_event.items()],
        "days": [(day, _cells(line)) for day, line in reversed(found.by_day.items()) if line.sold or line.returned],
        "chart": _chart(found.by_day),
    }
    return TemplateResponse(request, "admin/sums.html", context)


def _cells(line: Line) -> dict[str, Any]:
    return {
        "sold": line.sold,
        "income": wording.pesos(line.income),
        "returned": line.returned,
        "refunds": wording.pesos(line.refunds),
        "net": wording.pesos(line.net),
    }


def _chart(days: dict[date, Line]) -> dict[str, Any]:
    top = _round_up(max((max(line.income, line.refunds) for line in days.values()), default=Decimal(0)))
    room = (CHART_WIDTH - LEFT - 8) / len(days)
    every = -(-len(days) // 14)
    scale = (BASELINE - 14) / float(top)
    bars = []
    for number, (day, line) in enumerate(days.items()):
        height, refund = float(line.income) * scale, float(line.refunds) * scale
        title = _("%(day)s: %(income)s vendidos, %(refunds)s devueltos") % {
            "day": f"{day:%d-%m-%Y}",
            "income": wording.pesos(line.income),
            "refunds": wording.pesos(line.refunds),
        }
        label = f"{day:%d-%m}" if number % every == 0 else ""
        width = min(18.0, room * 0.36)
        x = LEFT + number * room + room / 2 - width
        bars.append(Bar(x, width, BASELINE - height, height, BASELINE - refund, refund, label, title))
    lines = [(BASELINE - (BASELINE - 14) * part / 4, wording.pesos(top * part / 4)) for part in range(5)]
    return {"bars": bars, "lines": lines, "width": CHART_WIDTH, "height": CHART_HEIGHT, "left": LEFT, "base": BASELINE}


def _round_up(amount: Decimal) -> Decimal:
    """The next 1, 2, 4 or 8 times a power of ten: a scale whose quarters are whole pesos."""
    step = Decimal(1000)
    while True:
        for factor in (1, 2, 4, 8):
            if amount <= step * factor:
                return step * factor
        step *= 10
