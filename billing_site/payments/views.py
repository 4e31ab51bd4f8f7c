"""The sums of money by event and day, as a table and as bars."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing_site.charts import Chart, Series, bars
from billing_site.documents import wording
from billing_site.payments.sums import Line, sums
from billing_site.tickets.models import Order

LONGEST = 92  # days


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


def _chart(days: dict[date, Line]) -> Chart:
    return bars(
        title=_("Por día"),
        summary=_("Vendido y devuelto en cada día; los números están en la tabla."),
        labels=[f"{day:%d-%m}" for day in days],
        series=[
            Series(_("vendido"), "bar-income", [line.income for line in days.values()]),
            Series(_("devuelto"), "bar-refund", [line.refunds for line in days.values()]),
        ],
        write=wording.pesos,
        width=720,
        height=220,
        left=84,
        ticks=14,
        least=1000,
        table=False,
    )
