"""The forms of the event pages: prices a section, seats to block, why an event is cancelled."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.reservations.words import pesos
from reservations_site.venues.models import Section


class MomentField(forms.DateTimeField):
    """A date and an hour in one box, with the browser's own calendar."""

    widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local", "class": "tf-moment"})

    def has_changed(self, initial: Any, data: Any) -> bool:
        """The box shows no seconds, so they are no change."""
        return super().has_changed(initial and initial.replace(second=0, microsecond=0), data)


class SaleTimes(forms.ModelForm):
    """The times of an event make sense."""

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().clean() or {}
        opens, closes, starts = (fields.get(name) for name in ("sales_open_at", "sales_close_at", "starts_at"))
        if opens and closes and closes <= opens:
            self.add_error("sales_close_at", _("La venta debe cerrar después de abrir"))
        if opens and starts and starts <= opens:
            self.add_error("sales_open_at", _("La venta debe abrir antes del comienzo"))
        return fields


class EventForm(SaleTimes):
    """An event is cancelled by its own button, never by a word in a list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (status := self.fields.get("status")) is not None:
            choices = [choice for choice in Event.Status.choices if choice[0] != Event.Status.CANCELLED]
            status.choices = choices  # type: ignore[attr-defined]


def price_field(label: Any, initial: int | None = None, *, required: bool = True) -> forms.IntegerField:
    """A price in whole pesos."""
    return forms.IntegerField(label=label, min_value=0, max_value=99_999_999, initial=initial, required=required)


class PricesForm(forms.Form):
    """A price in whole pesos for each section of the venue's plan."""

    def __init__(self, *args: Any, sections: Sequence[Section], prices: dict[str, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = {f"section_{section.id}": section.name for section in sections}
        for field, name in self.names.items():
            self.fields[field] = price_field(name, prices.get(name))

    def prices(self) -> dict[str, int]:
        return {name: self.cleaned_data[field] for field, name in self.names.items()}


class ZonePrices:
    """A price for each zone of an event, as fields of a form."""

    def add_zones(self, zones: Sequence[EventSection]) -> None:
        self.zones = {f"zone_{zone.id}": zone for zone in zones}
        for field, zone in self.zones.items():
            self.fields[field] = price_field(zone.name, int(zone.price))  # type: ignore[attr-defined]

    def prices(self) -> dict[str, int]:
        return {zone.name: self.cleaned_data[field] for field, zone in self.zones.items()}  # type: ignore[attr-defined]

    def zone_fields(self) -> list[tuple[Any, EventSection]]:
        return [(self[field], zone) for field, zone in self.zones.items()]  # type: ignore[index]


class ZonePricesForm(ZonePrices, forms.Form):
    """What the seats of each zone cost from now on."""

    def __init__(self, *args: Any, zones: Sequence[EventSection], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_zones(zones)


class CopyForm(ZonePrices, SaleTimes):
    """The same event on another date: its dates and its prices are asked for, the rest is taken over."""

    keep_blocked = forms.BooleanField(
        label=gettext_lazy("Los asientos bloqueados siguen bloqueados"), required=False, initial=True
    )

    class Meta:
        model = Event
        fields = ("name", "starts_at", "sales_open_at", "sales_close_at")
        field_classes = dict.fromkeys(fields[1:], MomentField)
        widgets = dict.fromkeys(fields[1:], MomentField.widget)

    def __init__(self, *args: Any, event: Event, zones: Sequence[EventSection], **kwargs: Any) -> None:
        taken_over = Event(name=event.name, description=event.description, hold_minutes=event.hold_minutes)
        super().__init__(*args, **{**kwargs, "instance": taken_over})
        self.add_zones(zones)


class SeatsForm(forms.Form):
    """Seats by their names; clicking on the picture writes them here, and so can a person."""

    labels = forms.CharField(label=gettext_lazy("Asientos elegidos"), widget=forms.Textarea(attrs={"rows": 2}))
    reason = forms.CharField(label=gettext_lazy("Motivo"), max_length=200, required=False)
    zone = forms.ChoiceField(label=gettext_lazy("Zona"), required=False)
    new_zone = forms.CharField(label=gettext_lazy("Nombre de la zona nueva"), max_length=60, required=False)
    price = price_field(gettext_lazy("Precio en pesos"), required=False)

    def __init__(self, *args: Any, event: Event, zones: Sequence[EventSection], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.event = event
        known = [(zone.name, f"{zone.name} · {pesos(zone.price)}") for zone in zones]
        self.fields["zone"].choices = [*known, ("", _("Una zona nueva…"))]  # type: ignore[attr-defined]
        self.fields["zone"].initial = known[0][0] if known else ""

    def clean_labels(self) -> list[int]:
        """The ids of the seats."""
        wanted = {part.upper() for part in re.split(r"[\s,;]+", self.cleaned_data["labels"]) if part}
        rows = Seat.objects.filter(event=self.event).values_list("label", "id")
        known = {label.upper(): seat for label, seat in rows}
        if unknown := sorted(wanted - known.keys()):
            raise forms.ValidationError(_("No hay asiento %s en este evento") % ", ".join(unknown[:10]))
        return [known[label] for label in wanted]

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().clean() or {}
        if "block" in self.data and not fields.get("reason"):
            self.add_error("reason", _("Indique por qué se bloquean"))
        fields["zone_name"] = fields.get("zone") or " ".join(fields.get("new_zone", "").split())
        if fields.get("zone"):
            # A zone that is there keeps its price.
            fields["price"] = None
        elif "move" in self.data:
            for name in ("new_zone", "price"):
                if name not in self.errors and fields.get(name) in ("", None):
                    self.add_error(name, _("Indique el nombre y el precio de la zona nueva"))
        return fields


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Motivo"), max_length=200)
