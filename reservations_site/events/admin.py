"""Events: their list, their data, and on their page how the sale goes."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from reservations_site.events import figures, selectors
from reservations_site.events.forms import EventForm, MomentField
from reservations_site.events.models import Event, Seat
from reservations_site.events.pages import with_shares
from reservations_site.exports import Column
from reservations_site.reservations import audit
from reservations_site.staff import actor
from reservations_site.waiting_room.pages import RoomPages

BADGES = {Event.Status.DRAFT: "quiet", Event.Status.PUBLISHED: "good", Event.Status.CANCELLED: "bad"}


@admin.register(Event)
class EventAdmin(RoomPages):
    export_columns = (
        Column(_("nombre"), lambda event: event.name),
        Column(_("recinto"), lambda event: event.venue.name),
        Column(_("comienza"), lambda event: event.starts_at),
        Column(_("estado"), lambda event: event.get_status_display()),
        Column(_("asientos"), lambda event: event.seat_total),
        Column(_("libres"), lambda event: event.seats_free),
    )
    form = EventForm
    formfield_overrides = {models.DateTimeField: {"form_class": MomentField, "widget": MomentField.widget}}
    list_display = ["name", "venue", "starts_at", "status_badge", "occupancy_bar"]
    list_filter = ["status", "venue"]
    search_fields = ["name", "venue__name"]
    list_select_related = ["venue"]
    change_form_template = "admin/events/event/change_form.html"
    fieldsets = [
        (None, {"fields": ["name", "description", "venue", "starts_at", "status"]}),
        (_("Venta"), {"fields": ["sales_open_at", "sales_close_at", "hold_minutes"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # Has it seats? One look at an index; to count them all, for every event of the table, would join them all.
        return super().get_queryset(request).annotate(has_seats=Exists(Seat.objects.filter(event=OuterRef("pk"))))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        self.complete(changelist.result_list)
        return changelist

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # A venue that was added a moment ago is in the list.
        return super().formfield_for_foreignkey(db_field, request, **{**kwargs, "using": "default"})

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [*self.list_display, *(["copy_link"] if self.has_add_permission(request) else [])]

    def complete(self, rows: Sequence[Any]) -> None:
        """Counts the seats of the events of one page."""
        counts = Seat.objects.filter(event__in=[event.pk for event in rows]).order_by().values("event_id")
        found = {row["event_id"]: row for row in counts.annotate(total=Count("id"), free=selectors.free())}
        for event in rows:
            row = found.get(event.pk, {"total": 0, "free": 0})
            event.seat_total, event.seats_free = row["total"], row["free"]

    @admin.display(description=_("estado"), ordering="status")
    def status_badge(self, event: Event) -> str:
        kind = BADGES[Event.Status(event.status)]
        return format_html('<span class="tf-badge tf-badge-{}">{}</span>', kind, event.get_status_display())

    @admin.display(description=_("ocupación"))
    def occupancy_bar(self, event: Any) -> str:
        if not event.seat_total:
            return "—"
        taken = event.seat_total - event.seats_free
        percent = round(100 * taken / event.seat_total)
        bar = '<span class="tf-mini"><i style="width:{}%"></i></span> <span class="tf-num">{} / {}</span>'
        return format_html(bar, percent, taken, event.seat_total)

    @admin.display(description=_("otra fecha"))
    def copy_link(self, event: Event) -> str:
        url, label = reverse("admin:events_event_copy", args=[event.pk]), _("Copiar %s") % event.name
        return format_html('<a class="tf-small" href="{}" aria-label="{}">{}</a>', url, label, _("Copiar"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        # The venue is what the seats were copied from.
        fixed = ["venue"] if obj.seats.exists() else []
        return [*fixed, "status"] if obj.status == Event.Status.CANCELLED else fixed

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more: dict[str, Any] = {}
        event = self.get_object(request, object_id) if request.method == "GET" else None
        if isinstance(event, Event) and self.has_view_permission(request, event):
            more = {
                "charts": figures.sales(event),
                "money": figures.money(event),
                "occupancy": with_shares(selectors.occupancy(event.id)),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def save_model(self, request: HttpRequest, obj: Any, form: BaseForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        action = "event_changed" if change else "event_added"
        audit.record(by=actor(request), action=action, event_id=obj.pk, fields=form.changed_data, status=obj.status)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Its audit says what was done to it. A draft that nobody wants stays a draft.
        return False
