"""The page of a waiting room, what its script asks for, and the door of the event's page."""

import random
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from portal_site.catalogue import selectors
from portal_site.clients.calls import Unavailable, Visitor
from portal_site.clients.reservations import Room, reservations
from portal_site.waiting_room import line, rooms
from portal_site.waiting_room.line import Standing

# Without JavaScript a page reloads itself, whole: less often.
PLAIN_FACTOR = 2


def turned_away(request: HttpRequest, event_id: int, visitor: Visitor) -> HttpResponse | None:
    """To the room, for whoever has not been let in by it yet."""
    if rooms.room_or_none(event_id, visitor) is None or line.inside_until(request, event_id) is not None:
        return None
    return redirect("room", event_id=event_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def room_page(request: HttpRequest, event_id: int) -> HttpResponse:
    """Where one waits. POST stands in line; GET shows the place, and leads on once the turn has come."""
    visitor = Visitor.of(request)
    found = selectors.event(event_id, visitor)
    if found is None:
        raise Http404
    room = rooms.room(event_id, visitor)
    if room is None or (room.state == "over" and request.method == "POST"):
        return redirect("event", event_id=event_id)
    if request.method == "POST":
        return _joined(request, event_id, visitor)
    told, browser = line.standing(request, event_id), line.browser_of(request)
    is_new = told is not None and _has_news(told, room)
    if is_new:
        place = reservations().place(event_id, browser=browser, join=False, visitor=visitor)
        told = Standing.told(place) if place else None
    if told is not None and told.is_inside():
        response: HttpResponse = redirect("event", event_id=event_id)
    else:
        context = described(room, told, free=found.event.available_seats)
        response = render(request, "portal/room.html", {"event": found.event, "room": room, **context})
    if not browser:
        # Before it joins: when the answer to that is lost, it asks again as the same browser.
        line.set_cookie(response, line.BROWSER, line.new_secret(), path="/evento/")
    if told is not None and is_new:
        line.remember(response, event_id, browser=browser, told=told)
    elif told is None and is_new:
        line.forget(response, event_id)
    return response


def _joined(request: HttpRequest, event_id: int, visitor: Visitor) -> HttpResponse:
    browser, response = line.browser_of(request), redirect("room", event_id=event_id)
    if not browser:
        secret = line.new_secret()
        browser = line.digest(secret)
        line.set_cookie(response, line.BROWSER, secret, path="/evento/")
    place = reservations().place(event_id, browser=browser, join=True, visitor=visitor)
    if place is not None:
        line.remember(response, event_id, browser=browser, told=Standing.told(place))
    return response


def _has_news(told: Standing, room: Room) -> bool:
    """Whether the room knows more than this browser was told: all else is computed from its counters."""
    if told.number is None:
        return room.state != "before"
    return told.number <= room.door and not told.is_inside()


def described(room: Room, told: Standing | None, *, free: int) -> dict[str, Any]:
    """What the page shows: its phase, the place, an estimate, and when to look again."""
    ahead = told.number - room.door if told is not None and told.number is not None else 0
    phase = phase_of(room, told)
    refresh: float = room.poll_after(ahead) * PLAIN_FACTOR
    if phase == "numbering":
        refresh = 2
    elif phase == "before":
        left = (room.opens_at - timezone.now()).total_seconds()
        refresh = min(60, max(2, left) + random.uniform(1, room.spread))  # noqa: S311 (jitter, no secret)
    return {
        "phase": phase,
        "number": told.number if told else None,
        "ahead": max(0, ahead),
        "before_me": max(0, ahead - 1),
        "estimate": estimate(ahead / room.rate) if phase == "waiting" else "",
        # Those before may take all that is left: better said than found out.
        "may_sell_out": phase in ("waiting", "before") and ahead > free > 0,
        "free": free,
        "refresh": round(refresh) if phase not in ("door", "out", "over") else None,
    }


def phase_of(room: Room, told: Standing | None) -> str:
    """over, door (not in line), before, numbering (a second or two), paused, sold_out, waiting or out."""
    if room.state == "over":
        return "over"
    if told is None:
        return "door"
    if told.number is None:
        return "before" if room.state == "before" else "numbering"
    if told.number <= room.door:
        return "out"
    if room.state == "paused":
        return "paused"
    return "sold_out" if room.sold_out else "waiting"


def estimate(minutes: float) -> str:
    """About how long, never more exact than it is known."""
    if minutes < 2:
        return _("menos de 2 minutos")
    if minutes < 90:
        rounded = round(minutes) if minutes < 15 else 5 * round(minutes / 5)
        return _("unos %d minutos") % rounded
    hours = round(minutes / 60)
    return ngettext("más de %d hora", "más de %d horas", hours) % hours


@require_safe
def room_state(request: HttpRequest, event_id: int) -> HttpResponse:
    """The counters, the same for everybody: whoever stands between may keep the answer for a second."""
    try:
        room = rooms.room(event_id, Visitor.of(request))
    except Unavailable:
        return JsonResponse({"error": _("Servicio no disponible por el momento"), "code": "unavailable"}, status=503)
    if room is None:
        return JsonResponse({"state": "none"})
    response = JsonResponse(room.model_dump(mode="json"))
    response["Cache-Control"] = "public, max-age=1"
    return response
