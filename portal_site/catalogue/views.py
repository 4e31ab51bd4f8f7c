"""The list of events, an event with its seat map, and the seats that are taken by now."""

from collections import Counter
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.http.response import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from portal_site.accounts import session
from portal_site.catalogue import floor, live, selectors
from portal_site.catalogue.seat_map import CHECKBOXES_AT_ONCE, COLOURS, checkboxes, seat_map, spoken
from portal_site.checkout import services
from portal_site.checkout.forms import BuyerForm, Choice, focus_first_error, new_nonce
from portal_site.clients.calls import Refused, Unavailable, Visitor
from portal_site.clients.reservations import Event, Seat, SeatPlan, reservations
from portal_site.waiting_room import line
from portal_site.waiting_room.views import turned_away


@require_safe
def event_list(request: HttpRequest) -> HttpResponse:
    found = selectors.events(Visitor.of(request))
    now = timezone.now()
    coming = sorted(
        (event for event in found.events if event.starts_at > now and event.status != "draft"),
        key=lambda event: (event.starts_at, event.id),
    )
    return render(request, "portal/events.html", {"events": coming, "as_of": found.as_of, "now": now})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def event_page(request: HttpRequest, event_id: int) -> HttpResponse:
    """The seat map and the buyer's form; POST reserves and leads to the order."""
    visitor = Visitor.of(request)
    found = selectors.event(event_id, visitor)
    if found is None:
        raise Http404
    if (elsewhere := turned_away(request, event_id, visitor)) is not None:
        return elsewhere
    if request.method != "POST":
        person = session.person_of(request) or {}
        buyer = BuyerForm(
            initial={
                "rut": person.get("rut_display", ""),
                "name": person.get("full_name", ""),
                "email": person.get("email") or "",
            }
        )
        return _event_page(request, found, Choice.from_query(request.GET), buyer)
    choice, buyer = Choice.from_post(request.POST), BuyerForm(request.POST)
    if choice.show is not None:
        return _event_page(request, found, choice, BuyerForm(initial=request.POST.dict()))
    problem = choice.problem(limit=settings.MAX_SEATS)
    if not buyer.is_valid() or problem:
        focus_first_error(buyer)
        return _event_page(request, found, choice, buyer, problem=problem, status=400)
    if _has_to_be_warned(request, event_id, choice):
        return _event_page(request, found, choice, buyer, warned=True)
    try:
        reservation = services.reserve_seats(
            event_id=event_id,
            choice=choice,
            buyer=buyer.cleaned_data,
            visitor=replace(visitor, admission=line.admission(request, event_id)),
        )
    except Refused as refused:
        if refused.status == 429:
            raise
        if refused.code in line.TURN_IS_OVER:
            return line.leave(request, event_id)
        lost = services.lost_seats(refused)
        kept = choice.without(lost)
        return _event_page(request, found, kept, buyer, problem=services.why_not(refused), lost=lost, status=409)
    except Unavailable:
        problem = _("No pudimos apartar tus asientos en este momento. Inténtalo de nuevo: no se apartan dos veces.")
        return _event_page(request, found, choice, buyer, problem=problem, status=503)
    session.remember_order(request, reservation.code)
    return redirect("order", code=reservation.code)


def _has_to_be_warned(request: HttpRequest, event_id: int, choice: Choice) -> bool:
    """Without JavaScript (the form says so) a choice that leaves a single seat alone is asked about once."""
    if "warn" not in request.POST or "warned" in request.POST or choice.how == "best":
        return False
    plan = plan_of(event_id, Visitor.of(request))
    return plan is not None and bool(floor.left_alone(plan, choice.seats))


def _event_page(
    request: HttpRequest,
    found: selectors.OneEvent,
    choice: Choice,
    buyer: BuyerForm,
    *,
    problem: str = "",
    lost: dict[int, str] | None = None,
    warned: bool = False,
    status: int = 200,
) -> HttpResponse:
    plan = plan_of(found.event.id, Visitor.of(request))
    if plan is None and status == 200:
        status = 503
    if plan and choice.seats and not lost:
        asked = [seat for seat in plan.seats if seat.id in choice.seats]
        lost = {seat.id: seat.seat_number for seat in asked if seat.status != "available"}
        problem = problem or (services.no_longer_free(list(lost.values())) if lost else "")
    context = choosing(request, found, plan, choice) | {
        "buyer": buyer,
        "problem": problem,
        "lost": lost or {},
        "alternatives": _alternatives(plan, choice, lost) if plan and lost else [],
        "alone": floor.left_alone(plan, choice.seats) if plan and warned else [],
        # Kept while nothing was answered, so that a second click is the first one again.
        "nonce": choice.nonce or new_nonce(),
        "inside_until": line.inside_until(request, found.event.id),
    }
    return render(request, "portal/event.html", context, status=status)


def choosing(request: HttpRequest, found: selectors.OneEvent, plan: SeatPlan | None, choice: Choice) -> dict[str, Any]:
    """What the map and the form beside it need, on the portal's page and in another site's frame."""
    event, now = found.event, timezone.now()
    chosen = [seat for seat in plan.seats if seat.id in choice.seats and seat.status == "available"] if plan else []
    context: dict[str, Any] = {
        "event": event,
        "as_of": found.as_of,
        "on_sale": event.on_sale(now),
        "opens_later": event.opens_later(now),
        "plan": plan,
        "choice": choice,
        "chosen": chosen,
        "total": sum(seat.price for seat in chosen),
        "limit": settings.MAX_SEATS,
        "quantities": range(1, settings.MAX_SEATS + 1),
        "sections": _sections(event, plan),
    }
    if not plan:
        return context
    # Without JavaScript the page leads on to itself as a plain one, so that nobody else loads all those checkboxes.
    if "plain" in request.GET or "plain" in request.POST:
        return context | _drawn(event, plan, choice, chosen)
    asked = request.GET.copy()
    asked["plain"] = "1"
    drawn = seat_map(event_id=event.id, plan=plan)
    return context | {"map": drawn, "compact": drawn.compact, "plain_url": f"?{asked.urlencode()}"}


def _drawn(event: Event, plan: SeatPlan, choice: Choice, chosen: list[Seat]) -> dict[str, Any]:
    drawn = seat_map(event_id=event.id, plan=plan)
    only = None
    if len(plan.seats) > CHECKBOXES_AT_ONCE:
        sections = floor.sections_of(plan)
        only = choice.show if choice.show in {section.id for section in sections} else sections[0].id
    return {
        "map": drawn,
        "only": only,
        "elsewhere": [seat for seat in chosen if only is not None and seat.section != only],
        "checkboxes": checkboxes(plan, drawn, chosen=[seat.id for seat in chosen], only=only),
        "compact": drawn.compact,
    }


def _sections(event: Event, plan: SeatPlan | None) -> list[dict[str, Any]]:
    """The price sections, each with the colour and the letter of its zone and how many of its seats are free."""
    sections = floor.sections_of(plan) if plan and plan.seats else list(event.sections)
    zones = floor.zones(sections)
    free = Counter(seat.section for seat in plan.seats if seat.status == "available") if plan else {}
    return [
        {
            "id": section.id,
            "name": section.name,
            "price": section.price,
            "zone": zones[section.price] % COLOURS,
            "letter": floor.letter(zones[section.price]),
            "free": free.get(section.id, 0) if plan else section.available,
        }
        for section in sections
    ]


def _alternatives(plan: SeatPlan, choice: Choice, lost: dict[int, str]) -> list[dict[str, Any]]:
    """Choices with free seats in the place of the lost ones, each for one button."""
    kept = [seat.id for seat in plan.seats if seat.id in choice.seats and seat.id not in lost]
    names = {section.id: section.name for section in plan.sections}
    return [
        {
            "value": " ".join(map(str, [*kept, *(seat.id for seat in way)])),
            "seats": [spoken(seat, names.get(seat.section, "")) for seat in way],
        }
        for way in floor.nearest(plan, lost, kept=kept)
    ]


def plan_of(event_id: int, visitor: Visitor) -> SeatPlan | None:
    """The seats now; None while nobody can say."""
    try:
        return reservations().seats(event_id, visitor)
    except Unavailable:
        return None


def _failure(status: int) -> JsonResponse:
    code, error = (
        ("unavailable", _("Servicio no disponible por el momento"))
        if status == 503
        else ("not_found", _("No encontrado"))
    )
    return JsonResponse({"code": code, "error": error}, status=status)


@require_safe
def seat_plan(request: HttpRequest, event_id: int) -> HttpResponse:
    """Where the seats stand, for the script. It never changes under its version, so a browser keeps it."""
    try:
        plan = reservations().seats(event_id, Visitor.of(request))
    except Unavailable:
        return _failure(503)
    if plan is None:
        return _failure(404)
    drawn = seat_map(event_id=event_id, plan=plan)
    response = HttpResponse(drawn.plan, content_type="application/json")
    is_named = request.GET.get("v") == drawn.version
    response["Cache-Control"] = "public, max-age=86400, immutable" if is_named else "no-cache"
    return response


@require_safe
def seat_states(request: HttpRequest, event_id: int) -> HttpResponse:
    """Which seats are free, or what changed since the version `since`; 304 while nothing did."""
    since = request.GET.get("since", "")
    try:
        found = live.states(event_id, Visitor.of(request), since=since)
    except Unavailable:
        return _failure(503)
    if found is None:
        return _failure(404)
    etag = f'"{found.version}"'
    is_known = since == found.version and etag in request.headers.get("If-None-Match", "")
    response = HttpResponseNotModified() if is_known else JsonResponse(found.content())
    response["ETag"], response["Cache-Control"] = etag, "no-cache"
    return response
