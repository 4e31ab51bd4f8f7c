"""Reservations: found by whatever a customer can tell, with their history; cancelled by asking billing."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from middleware_worker.contract.drf import ApiError
from middleware_worker.contract.rut import format_rut
from reservations_site.events.filters import EventFilter
from reservations_site.events.forms import ReasonForm
from reservations_site.exports import ExportingAdmin
from reservations_site.reservations.endings import ask_to_end
from reservations_site.reservations.listing import AUDIT_COLUMNS, LABELS, RESERVATION_COLUMNS, searched, seat_names
from reservations_site.reservations.models import AuditEntry, Line, Reservation
from reservations_site.reservations.selectors import Booking
from reservations_site.reservations.words import (
    action_name,
    action_names,
    detail_text,
    moment,
    pesos,
    reason_name,
    ticket_status_name,
)
from reservations_site.staff import ReadOnlyAdmin, ReadOnlyInline, actor


def badge(status: str) -> str:
    text, kind = LABELS[status]
    return format_html('<span class="tf-badge tf-badge-{}">{}</span>', kind, text)


class StatusFilter(admin.SimpleListFilter):
    title = gettext_lazy("estado")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(status, text) for status, (text, _kind) in LABELS.items() if status != "mixed"]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        def some(status: str) -> Exists:
            return Exists(Line.objects.filter(reservation=OuterRef("pk"), status=status))

        match self.value():
            case "held":
                return queryset.filter(some("held"), asked_at=None)
            case "cancelling":
                return queryset.filter(some("held"), asked_at__isnull=False)
            case "confirmed":
                return queryset.filter(some("confirmed"))
            case "released":
                return queryset.filter(~some("held"), ~some("confirmed"))
        return queryset


class ActionFilter(admin.SimpleListFilter):
    title = gettext_lazy("qué")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(action_names().items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class LineInline(ReadOnlyInline):
    model = Line
    fields = ["seat", "section", "price_shown", "status", "ticket", "ticket_state", "changed"]
    readonly_fields = ["section", "price_shown", "ticket", "ticket_state", "changed"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("seat__section")

    @admin.display(description=gettext_lazy("sector"))
    def section(self, line: Line) -> str:
        return line.seat.section.name

    @admin.display(description=gettext_lazy("precio"))
    def price_shown(self, line: Line) -> str:
        return pesos(line.price)

    @admin.display(description=gettext_lazy("boleto"))
    def ticket(self, line: Line) -> str:
        return format_html('<span class="tf-mono">{}</span>', line.ticket_id)

    @admin.display(description=gettext_lazy("estado del boleto"))
    def ticket_state(self, line: Line) -> str:
        return ticket_status_name(line.ticket_status)

    @admin.display(description=gettext_lazy("cambió"))
    def changed(self, line: Line) -> str:
        return moment(line.changed_at)


class AuditInline(ReadOnlyInline):
    model = AuditEntry
    fields = ["when", "by", "what", "details"]
    readonly_fields = ["when", "what", "details"]
    verbose_name_plural = gettext_lazy("historia")

    @admin.display(description=gettext_lazy("cuándo"))
    def when(self, entry: AuditEntry) -> str:
        return moment(entry.at)

    @admin.display(description=gettext_lazy("qué"))
    def what(self, entry: AuditEntry) -> str:
        return action_name(entry.action)

    @admin.display(description=gettext_lazy("detalle"))
    def details(self, entry: AuditEntry) -> str:
        return detail_text(entry.detail)


@admin.register(Reservation)
class ReservationAdmin(ExportingAdmin, ReadOnlyAdmin):
    export_columns = RESERVATION_COLUMNS
    list_display = ["code", "state", "seats", "rut_shown", "name", "event", "total", "created"]
    list_filter = [StatusFilter, EventFilter, "created_at"]
    list_select_related = ["event"]
    list_per_page = 50
    search_fields = ["code"]
    search_help_text = gettext_lazy("Código, RUT (con o sin puntos), nombre, correo o asiento")
    # Ids are as old as reservations are, and indexed; a hierarchy of dates would read the whole table.
    ordering = ["-id"]
    inlines = [LineInline, AuditInline]
    actions = ["cancel"]
    change_form_template = "admin/reservations/reservation/change_form.html"
    fieldsets = [
        (None, {"fields": ["code", "state", "event", "total"]}),
        (gettext_lazy("Comprador"), {"fields": ["rut_shown", "name", "email", "caller"]}),
        (gettext_lazy("Tiempos"), {"fields": ["created", "expires", "asked", "reason"]}),
    ]
    readonly_fields = ["state", "total", "rut_shown", "created", "expires", "asked", "reason"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("lines__seat")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return searched(queryset, search_term), False

    @admin.display(description=gettext_lazy("RUT"), ordering="rut")
    def rut_shown(self, reservation: Reservation) -> str:
        return format_rut(reservation.rut)

    @admin.display(description=gettext_lazy("estado"))
    def state(self, reservation: Reservation) -> str:
        return badge(Booking(reservation, list(reservation.lines.all())).status)

    @admin.display(description=gettext_lazy("asientos"))
    def seats(self, reservation: Reservation) -> str:
        return seat_names(reservation)

    @admin.display(description=gettext_lazy("total"))
    def total(self, reservation: Reservation) -> str:
        return pesos(sum(line.price for line in reservation.lines.all()))

    @admin.display(description=gettext_lazy("creada"), ordering="created_at")
    def created(self, reservation: Reservation) -> str:
        return moment(reservation.created_at)

    @admin.display(description=gettext_lazy("vence"), ordering="expires_at")
    def expires(self, reservation: Reservation) -> str:
        return moment(reservation.expires_at)

    @admin.display(description=gettext_lazy("cancelación pedida"))
    def asked(self, reservation: Reservation) -> str:
        return moment(reservation.asked_at)

    @admin.display(description=gettext_lazy("motivo"))
    def reason(self, reservation: Reservation) -> str:
        return reason_name(reservation.ask_reason)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("reservations.cancel_reservation")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.cancel_view)
        return [path("<int:pk>/cancel/", view, name="reservations_reservation_cancel"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        unpaid = Line.objects.filter(reservation_id=object_id, status=Line.Status.HELD)
        may = {"may_cancel": self.has_cancel_permission(request) and unpaid.exists()}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **may})

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The action's page for one reservation."""
        if not self.has_cancel_permission(request):
            raise PermissionDenied
        found = self.get_queryset(request).filter(pk=pk)
        if not found:
            raise Http404
        back = reverse("admin:reservations_reservation_change", args=[pk])
        return self._ask_for_reason(request, found, back=back, selected=False) or redirect(back)

    @admin.action(description=gettext_lazy("Cancelar las reservas elegidas"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        back = reverse("admin:reservations_reservation_changelist")
        return self._ask_for_reason(request, queryset, back=back, selected=True)

    def _ask_for_reason(
        self, request: HttpRequest, queryset: QuerySet[Any], *, back: str, selected: bool
    ) -> HttpResponse | None:
        """The page that asks why; None when the answer is there and was acted upon."""
        form = ReasonForm(request.POST if "confirm" in request.POST else None)
        if form.is_valid():
            self._cancel(request, queryset, note=form.cleaned_data["reason"])
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Cancelar reservas"),
            "opts": self.opts,
            "found": list(queryset.select_related("event")),
            "form": form,
            "back": back,
            "selected": selected,
        }
        return TemplateResponse(request, "admin/reservations/reservation/cancel.html", context)

    def _cancel(self, request: HttpRequest, queryset: QuerySet[Any], *, note: str) -> None:
        asked = 0
        for reservation in queryset:
            try:
                ask_to_end(reservation=reservation, reason="cancelled_by_staff", note=note, by=actor(request))
                asked += 1
            except ApiError as refusal:
                text = _("%(code)s: %(reason)s. Devuélvala en cobranza.") % {
                    "code": reservation.code,
                    "reason": refusal.error,
                }
                self.message_user(request, text, messages.WARNING)
        if asked:
            text = ngettext(
                "Se pidió a cobranza terminar %d reserva; sus asientos quedan libres cuando responda",
                "Se pidió a cobranza terminar %d reservas; sus asientos quedan libres cuando responda",
                asked,
            )
            self.message_user(request, text % asked, messages.SUCCESS)


@admin.register(AuditEntry)
class AuditEntryAdmin(ExportingAdmin, ReadOnlyAdmin):
    export_columns = AUDIT_COLUMNS
    list_display = ["when", "by", "what", "event", "reservation", "details"]
    list_display_links = ["when"]
    list_filter = [ActionFilter, EventFilter]
    list_select_related = ["event", "reservation"]
    search_fields = ["by", "reservation__code"]
    date_hierarchy = "at"
    list_per_page = 50
    fields = ["when", "by", "what", "event", "reservation", "details"]
    readonly_fields = ["when", "what", "details"]

    @admin.display(description=gettext_lazy("cuándo"), ordering="at")
    def when(self, entry: AuditEntry) -> str:
        return moment(entry.at)

    @admin.display(description=gettext_lazy("qué"), ordering="action")
    def what(self, entry: AuditEntry) -> str:
        return action_name(entry.action)

    @admin.display(description=gettext_lazy("detalle"))
    def details(self, entry: AuditEntry) -> str:
        text = detail_text(entry.detail)
        return text if len(text) <= 200 else text[:199] + "…"
