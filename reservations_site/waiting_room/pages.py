"""The room on the event's pages: settings, how it goes, pause."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from reservations_site.events.models import Event
from reservations_site.events.pages import EventPages
from reservations_site.reservations.models import AuditEntry
from reservations_site.reservations.words import action_name, detail_text
from reservations_site.staff import actor
from reservations_site.waiting_room import figures, selectors, services
from reservations_site.waiting_room.forms import RoomForm
from reservations_site.waiting_room.models import Place, Room

SHOWN = 12


class RoomPages(EventPages):
    """One page a room; its live part is asked for every few seconds."""

    def get_urls(self) -> list[URLPattern]:
        room = self.admin_site.admin_view(self.room_view)
        live = self.admin_site.admin_view(self.live_view)
        mine = [
            path("<int:pk>/room/", room, name="events_event_room"),
            path("<int:pk>/room/live/", live, name="events_event_room_live"),
        ]
        return mine + super().get_urls()

    def room_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The settings, for those who may change the event; for everybody else only how it goes."""
        event = self._event(request, pk)
        may = request.user.has_perm("events.change_event") and event.status != Event.Status.CANCELLED
        room = Room.objects.select_related("event").filter(event=event).first()
        bound = request.POST if "save" in request.POST else None
        # A copy of its own: a form writes into its row even when it is not valid.
        form = RoomForm(bound, event=event, instance=Room.objects.filter(event=event).first())
        if request.method == "POST":
            if not may:
                raise PermissionDenied
            if done := self._do(request, event, form):
                self.message_user(request, done, messages.SUCCESS)
                return redirect(request.path)
        title = _("Sala de espera de %s") % event.name
        return self._page(request, "room", event, title=title, form=form, may=may, **live(room, event))

    def _do(self, request: HttpRequest, event: Event, form: RoomForm) -> str:
        """What was done, in words; nothing when the form is not valid."""
        by = actor(request)
        if "pause" in request.POST or "resume" in request.POST:
            services.pause(event_id=event.pk, paused="pause" in request.POST, by=by)
            return _("La entrada está en pausa") if "pause" in request.POST else _("La entrada sigue")
        if not form.is_valid():
            return ""
        wanted = {name: value for name, value in form.cleaned_data.items() if name in services.SETTINGS}
        if "opens_at" not in form.changed_data and form.instance.pk:
            del wanted["opens_at"]
        services.change_room(event=event, by=by, **wanted)
        selectors.forget()
        return _("La sala de espera quedó guardada")

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that changes by itself."""
        event = self._event(request, pk)
        room = Room.objects.select_related("event").filter(event=event).first()
        return TemplateResponse(request, "admin/events/event/room_live.html", live(room, event))


def live(room: Room | None, event: Event) -> dict[str, Any]:
    """The counters, the chart and what was done last."""
    if room is None:
        return {"room": None}
    now = timezone.now()
    inside = Place.objects.filter(room=room, expires_at__gt=now)
    entries = AuditEntry.objects.filter(event=event, action__startswith="room_").order_by("-at", "-id")[:SHOWN]
    return {
        "room": room,
        "state": selectors.state_of(room, now) if room.in_use else "off",
        "waiting": room.early + room.last_number - room.door,
        "inside": inside.count(),
        "bought": Place.objects.filter(room=room).exclude(used_at=None).count(),
        "chart": figures.chart(room),
        "entries": [(entry.at, entry.by, action_name(entry.action), detail_text(entry.detail)) for entry in entries],
    }
