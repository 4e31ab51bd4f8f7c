"""The form that makes a plan from few numbers."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from reservations_site.venues.models import Section, Venue
from reservations_site.venues.plans import SectionPlan

SEAT = re.compile(r"([A-Z]{1,3})-?(\d{1,3})")


class SectionForm(forms.Form):
    """A row of the table. A row without a name is left out."""

    name = forms.CharField(label=gettext_lazy("Sector"), max_length=60, required=False)
    row_prefix = forms.CharField(label=gettext_lazy("Prefijo"), max_length=10, required=False)
    level = forms.IntegerField(label=gettext_lazy("Nivel"), min_value=1, max_value=99, required=False)
    rows = forms.IntegerField(label=gettext_lazy("Filas"), min_value=1, max_value=200, required=False)
    seats = forms.IntegerField(label=gettext_lazy("Asientos por fila"), min_value=1, max_value=500, required=False)
    aisles_after = forms.CharField(label=gettext_lazy("Pasillo después de"), max_length=100, required=False)
    missing = forms.CharField(label=gettext_lazy("Asientos que faltan"), max_length=1000, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hints = {
            "row_prefix": "PL",
            "level": "1",
            "rows": "10",
            "seats": "20",
            "aisles_after": "5, 15",
            "missing": "A-1, B-20",
        }
        for name, hint in hints.items():
            self.fields[name].widget.attrs["placeholder"] = hint

    def clean_aisles_after(self) -> tuple[int, ...]:
        parts = [part for part in re.split(r"[\s,;]+", self.cleaned_data["aisles_after"]) if part]
        if not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
            raise forms.ValidationError(_("Escriba números de asiento separados por comas"))
        return tuple(sorted({int(part) for part in parts}))

    def clean_missing(self) -> frozenset[tuple[str, int]]:
        found = set()
        for part in re.split(r"[\s,;]+", self.cleaned_data["missing"].upper()):
            if not part:
                continue
            if (match := SEAT.fullmatch(part)) is None:
                raise forms.ValidationError(_("«%s» no es un asiento como A-1") % part)
            found.add((match[1], int(match[2])))
        return frozenset(found)

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().clean() or {}
        if fields.get("name"):
            for name in ("rows", "seats"):
                if name not in self.errors and not fields.get(name):
                    self.add_error(name, _("Indique un número"))
        elif fields.get("rows") or fields.get("seats"):
            self.add_error("name", _("Indique el nombre del sector"))
        return fields

    def plan(self) -> SectionPlan | None:
        fields = self.cleaned_data
        if not fields.get("name"):
            return None
        return SectionPlan(
            name=fields["name"],
            prefix=fields["row_prefix"].strip(),
            rows=fields["rows"],
            seats=fields["seats"],
            aisles_after=fields["aisles_after"],
            missing=fields["missing"],
            level=fields["level"],
        )


SectionFormSet = forms.formset_factory(SectionForm, extra=2, max_num=40, absolute_max=40)


class CurvedForm(forms.Form):
    curved = forms.BooleanField(label=gettext_lazy("Filas en arco alrededor del escenario"), required=False)


def initial(venue: Venue, sections: Sequence[Section]) -> list[dict[str, Any]]:
    """The numbers of the venue's plan, as they were typed."""
    rows = []
    for section in sections:
        shape = section.shape
        rows.append(
            {
                "name": section.name,
                "row_prefix": section.prefix,
                "level": shape.get("level"),
                "rows": shape.get("rows"),
                "seats": shape.get("seats"),
                "aisles_after": ", ".join(map(str, shape.get("aisles_after", []))),
                "missing": ", ".join(shape.get("missing", [])),
            }
        )
    return rows
