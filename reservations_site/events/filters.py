"""The filter by event, for lists that a season's events would overflow."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from reservations_site.events.models import Event

SHOWN = 30


class EventFilter(admin.SimpleListFilter):
    """The newest events, and the one that is chosen."""

    title = _("evento")
    parameter_name = "event__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        rows = Event.objects.using("default").order_by("-id").values_list("id", "name")
        found = dict(rows[:SHOWN])
        if (chosen := self.value() or "").isdigit() and int(chosen) not in found:
            found |= dict(rows.filter(id=chosen[:18]))
        return [(str(event), name) for event, name in found.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        return queryset.filter(event_id=int(chosen[:18])) if chosen.isdigit() else queryset
