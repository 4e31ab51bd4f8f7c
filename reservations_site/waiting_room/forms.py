"""The settings of a room."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from reservations_site.events.forms import MomentField
from reservations_site.events.models import Event
from reservations_site.waiting_room.models import Room
from reservations_site.waiting_room.services import SETTINGS


class RoomForm(forms.ModelForm):
    """It opens while the sale is on, and once the places are drawn its opening stays."""

    class Meta:
        model = Room
        fields = SETTINGS
        field_classes = {"opens_at": MomentField}
        widgets = {"opens_at": MomentField.widget}

    def __init__(self, *args: Any, event: Event, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.event = event
        if self.instance.drawn_at is not None:
            self.fields["opens_at"].disabled = True
        elif not self.instance.pk:
            self.initial.setdefault("opens_at", event.sales_open_at)

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().clean() or {}
        opens = fields.get("opens_at")
        if opens is None or "opens_at" not in self.changed_data:
            return fields
        # The box shows no seconds.
        if opens < self.event.sales_open_at.replace(second=0, microsecond=0):
            self.add_error("opens_at", _("La sala debe abrir cuando la venta ya está abierta"))
        elif opens >= self.event.closes_at():
            self.add_error("opens_at", _("La sala debe abrir antes de que cierre la venta"))
        return fields
