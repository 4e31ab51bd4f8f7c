"""The pages of one event that the admin itself has no form for: seats, zones, copying, cancelling."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from reservations_site.events import figures, selectors, zones
from reservations_site.events.forms import CopyForm, PricesForm, ReasonForm, SeatsForm, ZonePricesForm
from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.events.services import (
    Moved,
    Refused,
    block_seats,
    cancel_event,
    copy_event,
    copy_plan,
    unblock_seats,
)
from reservations_site.exports import ExportingAdmin
from reservations_site.reservations.words import action_name, pesos
from reservations_site.staff import actor
from reservations_site.venues.models import Section
from reservations_site.venues.pictures import COLOURS, Picture, Spot, draw

# A message names so many seats that stayed as they were.
NAMED = 20


def picture_of_event(event: Event) -> Picture | None:
    """The event's seats with their status as they are now."""
    seats = Seat.objects.filter(event=event)
    columns = seats.values_list("section__name", "row_rank", "row", "label", "x", "y", "status", "id")
    kept = EventSection.objects.using("default").filter(event=event).order_by("rank", "id")
    return draw((Spot(*row) for row in columns), zones=list(kept.values_list("name", flat=True)))


class EventPages(ExportingAdmin):
    """Each page asks for what its service needs, and calls it."""

    def get_urls(self) -> list[URLPattern]:
        def page(name: str, view: Callable[..., HttpResponse]) -> URLPattern:
            return path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"events_event_{name}")

        mine = [
            page("seats", self.seats_view),
            page("state", self.state_view),
            page("plan", self.plan_view),
            page("copy", self.copy_view),
            page("cancel", self.cancel_view),
            page("ending", self.ending_view),
            page("progress", self.progress_view),
        ]
        return mine + super().get_urls()

    def _event(self, request: HttpRequest, pk: int, *, permission: str = "events.view_event") -> Event:
        """The event; 404, or 403 when the staff member may not."""
        if not (request.user.has_perm(permission) or request.user.has_perm("events.change_event")):
            raise PermissionDenied
        event: Event | None = self.get_queryset(request).select_related("venue").filter(pk=pk).first()
        if event is None:
            raise Http404
        return event

    def _page(self, request: HttpRequest, name: str, event: Event, **more: Any) -> TemplateResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "original": event, **more}
        return TemplateResponse(request, f"admin/events/event/{name}.html", context)

    def seats_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The seats as they are now; those who may block them, or price them, can choose them here."""
        event = self._event(request, pk)
        may = {
            "block": request.user.has_perm("events.block_seats"),
            "zone": request.user.has_perm("events.change_event") and event.status != Event.Status.CANCELLED,
        }
        among = zones.BLOCKS * may["block"] + zones.ZONES * may["zone"]
        kept = EventSection.objects.using("default").filter(event=event).order_by("rank", "id")
        step = next((name for name in ("block", "unblock", "move", "prices", "undo") if name in request.POST), "")
        form = SeatsForm(request.POST if step in ("block", "unblock", "move") else None, event=event, zones=list(kept))
        prices = ZonePricesForm(request.POST if step == "prices" else None, zones=list(kept))
        if request.method == "POST":
            needed = {"block": "block", "unblock": "block", "move": "zone", "prices": "zone"}.get(step)
            if not (may[needed] if needed else step and among):
                raise PermissionDenied
            bound = prices if step == "prices" else form
            try:
                if step == "undo":
                    self._undo(request, event, among)
                elif bound.is_valid() and step == "prices":
                    self._reprice(request, event, prices)
                elif bound.is_valid():
                    self._move(request, event, form, step)
            except Refused as reason:
                self.message_user(request, str(reason), messages.ERROR)
                return redirect(request.path)
            if step == "undo" or bound.is_valid():
                return redirect(request.path)
        last = zones.last_step(event=event, by=actor(request), among=among) if among else None
        return self._page(
            request,
            "seats",
            event,
            title=_("Asientos de %s") % event.name,
            picture=picture_of_event(event),
            occupancy=with_shares(selectors.occupancy(event.id)),
            form=form,
            prices=prices,
            zones=[(number % COLOURS, zone, pesos(zone.price)) for number, zone in enumerate(kept)],
            may_block=may["block"],
            may_zone=may["zone"],
            may_choose=bool(among),
            last=last,
            last_name=last and action_name(last.action),
        )

    def _move(self, request: HttpRequest, event: Event, form: SeatsForm, step: str) -> None:
        fields = form.cleaned_data
        seats, reason, by = fields["labels"], fields["reason"], actor(request)
        if step == "move":
            moved = zones.assign_zone(
                event=event, seat_ids=seats, name=fields["zone_name"], price=fields["price"], by=by
            )
            text = ngettext("%d asiento quedó en la zona", "%d asientos quedaron en la zona", len(moved.labels))
        elif step == "unblock":
            moved = unblock_seats(event=event, seat_ids=seats, reason=reason, by=by)
            text = ngettext("%d asiento desbloqueado", "%d asientos desbloqueados", len(moved.labels))
        else:
            moved = block_seats(event=event, seat_ids=seats, reason=reason, by=by)
            text = ngettext("%d asiento bloqueado", "%d asientos bloqueados", len(moved.labels))
        self._tell(request, moved, text % len(moved.labels))

    def _tell(self, request: HttpRequest, moved: Moved, text: str) -> None:
        """What came of it, and which seats stayed as they were."""
        self.message_user(request, text, messages.SUCCESS if moved.labels else messages.WARNING)
        if rest := len(moved.refused):
            left = ngettext("%d quedó como estaba", "%d quedaron como estaban", rest) % rest
            names = dict(Seat.Status.choices)
            named = [f"{label} ({names.get(status, status)})" for label, status in moved.refused.items()]
            self.message_user(request, f"{left}: {', '.join(named[:NAMED])}{'…' * (rest > NAMED)}", messages.WARNING)

    def _reprice(self, request: HttpRequest, event: Event, form: ZonePricesForm) -> None:
        changed = zones.change_prices(event=event, prices=form.prices(), by=actor(request))
        count = len(changed)
        text = ngettext("Cambió el precio de %d zona", "Cambió el precio de %d zonas", count) % count
        if count:
            text += ". " + _("Lo reservado y lo vendido conserva el suyo.")
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    def _undo(self, request: HttpRequest, event: Event, among: Sequence[str]) -> None:
        wanted = request.POST["undo"]
        entry = int(wanted) if wanted.isdecimal() and len(wanted) < 19 else 0
        moved = zones.undo(event=event, entry_id=entry, by=actor(request), among=among)
        self._tell(request, moved, str(_("Se deshizo el último paso")))

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

    def copy_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks for the dates and prices of a new draft with the same seats."""
        event = self._event(request, pk)
        if not self.has_add_permission(request):
            raise PermissionDenied
        kept = EventSection.objects.using("default").filter(event=event).annotate(seat_total=Count("seats"))
        form = CopyForm(request.POST or None, event=event, zones=list(kept.order_by("rank", "id")))
        if request.method == "POST" and form.is_valid():
            blocked = form.cleaned_data["keep_blocked"]
            try:
                copy = copy_event(
                    event=event, copy=form.instance, prices=form.prices(), keep_blocked=blocked, by=actor(request)
                )
            except Refused as reason:
                form.add_error(None, str(reason))
            else:
                text = _("Copiado como borrador: revíselo y publíquelo cuando esté listo")
                self.message_user(request, text, messages.SUCCESS)
                return redirect(reverse("admin:events_event_change", args=[copy.pk]))
        return self._page(request, "copy", event, title=_("Copiar %s") % event.name, form=form)

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
            return redirect(reverse("admin:events_event_ending", args=[pk]))
        title = _("Cancelar %s") % event.name
        return self._page(
            request, "cancel", event, title=title, form=form, occupancy=totals(selectors.occupancy(event.id))
        )

    def ending_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far the cancellation is; the page asks again by itself."""
        event = self._event(request, pk)
        if event.status != Event.Status.CANCELLED:
            raise Http404
        return self._page(
            request, "ending", event, title=_("Cancelación de %s") % event.name, ending=figures.ending(event)
        )

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What that page asks for."""
        return JsonResponse(figures.ending(self._event(request, pk)))


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
