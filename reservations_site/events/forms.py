"""The forms of the event pages: prices a section, seats to block, why an event is cancelled."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from reservations_site.events.models import Event, Seat
from reservations_site.venues.models import Section


class EventForm(forms.ModelForm):
    """An event is cancelled by its own button, never by a word in a list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (status := self.fields.get("status")) is not None:
            choices = [choice for choice in Event.Status.choices if choice[0] != Event.Status.CANCELLED]
            status.choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().clean() or {}
        opens, closes, starts = (fields.get(name) for name in ("sales_open_at", "sales_close_at", "starts_at"))
        if opens and closes and closes <= opens:
            self.add_error("sales_close_at", _("La venta debe cerrar después de abrir"))
        if opens and starts and starts <= opens:
            self.add_error("sales_open_at", _("La venta debe abrir antes del comienzo"))
        return fields


class PricesForm(forms.Form):
    """A price in whole pesos for each section of the venue's plan."""

    def __init__(self, *args: Any, sections: Sequence[Section], prices: dict[str, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = {f"section_{section.id}": section.name for section in sections}
        for field, name in self.names.items():
            self.fields[field] = forms.IntegerField(
                label=name, min_value=0, max_value=99_999_999, initial=prices.get(name), widget=forms.NumberInput
            )

    def prices(self) -> dict[str, int]:
        return {name: self.cleaned_data[field] for field, name in self.names.items()}


class SeatsForm(forms.Form):
    """Seats by their names; clicking on the picture writes them here, and so can a person."""

    labels = forms.CharField(label=gettext_lazy("Asientos elegidos"), widget=forms.Textarea(attrs={"rows": 2}))
    reason = forms.CharField(label=gettext_lazy("Motivo"), max_length=200, required=False)

    def __init__(self, *args: Any, event: Event, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.event = event

    def clean_labels(self) -> list[int]:
        """The ids of the seats."""
        wanted = {part.upper() for part in re.split(r"[\s,;]+", self.cleaned_data["labels"]) if part}
        rows = Seat.objects.filter(event=self.event).values_list("label", "id")
        known = {label.upper(): seat for label, seat in rows}
        if unknown := sorted(wanted - known.keys()):
            raise forms.ValidationError(_("No hay asiento %s en este evento") % ", ".join(unknown[:10]))
        return [known[label] for label in wanted]


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Motivo"), max_length=200)
