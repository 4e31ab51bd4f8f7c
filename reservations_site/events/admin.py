"""Events: their data, their prices, their seats as they are now, and the button that cancels."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, QuerySet
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from reservations_site.events import selectors
from reservations_site.events.forms import EventForm, PricesForm, ReasonForm, SeatsForm
from reservations_site.events.models import Event, Seat
from reservations_site.events.services import Refused, block_seats, cancel_event, copy_plan, unblock_seats
from reservations_site.reservations import audit
from reservations_site.staff import PrimaryAdmin, actor
from reservations_site.venues.models import Section
from reservations_site.venues.pictures import Picture, Spot, draw

BADGES = {Event.Status.DRAFT: "quiet", Event.Status.PUBLISHED: "good", Event.Status.CANCELLED: "bad"}


def picture_of_event(event: Event) -> Picture | None:
    """The event's seats with their status as they are now."""
    seats = Seat.objects.filter(event=event)
    columns = seats.values_list("section__name", "row_rank", "row", "label", "x", "y", "status", "id")
    return draw(Spot(*row) for row in columns)


@admin.register(Event)
class EventAdmin(PrimaryAdmin):
    form = EventForm
    list_display = ["name", "venue", "starts_at", "status_badge", "occupancy_bar"]
    list_filter = ["status", "venue"]
    search_fields = ["name", "venue__name"]
    list_select_related = ["venue"]
    autocomplete_fields = ["venue"]
    change_form_template = "admin/events/event/change_form.html"
    fieldsets = [
        (None, {"fields": ["name", "description", "venue", "starts_at", "status"]}),
        (_("Venta"), {"fields": ["sales_open_at", "sales_close_at", "hold_minutes"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counts = {"seat_total": Count("seats"), "seats_free": selectors.free("seats")}
        return super().get_queryset(request).annotate(**counts)

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

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        # The venue is what the seats were copied from.
        fixed = ["venue"] if obj.seats.exists() else []
        return [*fixed, "status"] if obj.status == Event.Status.CANCELLED else fixed

    def save_model(self, request: HttpRequest, obj: Any, form: BaseForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        action = "event_changed" if change else "event_added"
        audit.record(by=actor(request), action=action, event_id=obj.pk, fields=form.changed_data, status=obj.status)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Its audit says what was done to it. A draft that nobody wants stays a draft.
        return False

    def get_urls(self) -> list[URLPattern]:
        def page(name: str, view: Callable[..., HttpResponse]) -> URLPattern:
            return path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"events_event_{name}")

        mine = [
            page("seats", self.seats_view),
            page("state", self.state_view),
            page("plan", self.plan_view),
            page("cancel", self.cancel_view),
        ]
        return mine + super().get_urls()

    def _event(self, request: HttpRequest, pk: int, *, permission: str = "events.view_event") -> Event:
        """The event; 404, or 403 when the staff member may not."""
        if not (request.user.has_perm(permission) or request.user.has_perm("events.change_event")):
            raise PermissionDenied
        event = self.get_queryset(request).select_related("venue").filter(pk=pk).first()
        if event is None:
            raise Http404
        return event

    def _page(self, request: HttpRequest, name: str, event: Event, **more: Any) -> TemplateResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "original": event, **more}
        return TemplateResponse(request, f"admin/events/event/{name}.html", context)

    def seats_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The seats as they are now; those who may block them can choose them here."""
        event = self._event(request, pk)
        may_block = request.user.has_perm("events.block_seats")
        form = SeatsForm(request.POST or None, event=event)
        if request.method == "POST":
            if not may_block:
                raise PermissionDenied
            if form.is_valid():
                self._move(request, event, form)
                return redirect(reverse("admin:events_event_seats", args=[pk]))
        return self._page(
            request,
            "seats",
            event,
            title=_("Asientos de %s") % event.name,
            picture=picture_of_event(event),
            occupancy=with_shares(selectors.occupancy(event.id)),
            form=form,
            may_block=may_block,
        )

    def _move(self, request: HttpRequest, event: Event, form: SeatsForm) -> None:
        unblocking = "unblock" in request.POST
        move = unblock_seats if unblocking else block_seats
        fields = form.cleaned_data
        moved = move(event=event, seat_ids=fields["labels"], reason=fields["reason"], by=actor(request))
        count, rest = len(moved), len(fields["labels"]) - len(moved)
        if unblocking:
            text = ngettext("%d asiento desbloqueado", "%d asientos desbloqueados", count) % count
        else:
            text = ngettext("%d asiento bloqueado", "%d asientos bloqueados", count) % count
        self.message_user(request, text, messages.SUCCESS if moved else messages.WARNING)
        if rest:
            left = ngettext("%d quedó como estaba", "%d quedaron como estaban", rest) % rest
            self.message_user(request, left, messages.WARNING)

    def state_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the page of the seats asks for every few seconds."""
        event = self._event(request, pk)
        rows = Seat.objects.filter(event=event).values_list("id", "status")
        return JsonResponse({"seats": dict(rows), "occupancy": with_shares(selectors.occupancy(event.id))})

    def plan_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Copies the venue's plan, with a price a section."""
        event = self._event(request, pk, permission="events.change_event")
        sections = list(Section.objects.using("default").filter(venue=event.venue).annotate(seat_total=Count("seats")))
        prices = dict(event.sections.using("default").order_by().values_list("name").annotate(Min("price")))
        form = PricesForm(request.POST or None, sections=sections, prices=prices)
        if request.method == "POST" and form.is_valid():
            try:
                count = copy_plan(event=event, prices=form.prices(), by=actor(request))
            except Refused as reason:
                form.add_error(None, str(reason))
            else:
                text = ngettext("El evento tiene %d asiento", "El evento tiene %d asientos", count) % count
                self.message_user(request, text, messages.SUCCESS)
                return redirect(reverse("admin:events_event_seats", args=[pk]))
        rows = list(zip(form.visible_fields(), sections, strict=True))
        return self._page(request, "plan", event, title=_("Precios de %s") % event.name, form=form, rows=rows)

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks once more, and for the reason."""
        event = self._event(request, pk)
        if not request.user.has_perm("events.cancel_event"):
            raise PermissionDenied
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            count = cancel_event(event=event, reason=form.cleaned_data["reason"], by=actor(request))
            text = _("Evento cancelado: se pidió a cobranza terminar %d reservas") % count
            self.message_user(request, text, messages.SUCCESS)
            return redirect(reverse("admin:events_event_change", args=[pk]))
        title = _("Cancelar %s") % event.name
        return self._page(
            request, "cancel", event, title=title, form=form, occupancy=totals(selectors.occupancy(event.id))
        )


def totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All sections together."""
    statuses = [*Seat.Status.values, "total"]
    return {status: sum(row[status] for row in rows) for status in statuses}


def with_shares(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sections, then all together when there are several; `shares` are per cent of the seats of each."""
    found = [*rows, totals(rows) | {"id": 0, "name": str(_("Total"))}] if len(rows) > 1 else list(rows)
    for row in found:
        total = row["total"] or 1
        row["shares"] = {status: round(100 * row[status] / total, 2) for status in Seat.Status.values}
        row["share_taken"] = round(100 * (row["reserved"] + row["sold"]) / total)
    return found
