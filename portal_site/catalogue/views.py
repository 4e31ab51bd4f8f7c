"""The list of events, an event with its seat map, and the seats that are taken by now."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.http.response import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from portal_site.accounts import session
from portal_site.catalogue import selectors
from portal_site.catalogue.seat_map import seat_map
from portal_site.checkout import services
from portal_site.checkout.forms import BuyerForm, Choice, focus_first_error, new_nonce
from portal_site.clients.calls import Refused, Unavailable, Visitor
from portal_site.clients.reservations import Event, SeatPlan, reservations


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
    problem = choice.problem(limit=settings.MAX_SEATS)
    if not buyer.is_valid() or problem:
        focus_first_error(buyer)
        return _event_page(request, found, choice, buyer, problem=problem, status=400)
    try:
        reservation = services.reserve_seats(
            event_id=event_id, choice=choice, buyer=buyer.cleaned_data, visitor=visitor
        )
    except Refused as refused:
        if refused.status == 429:
            raise
        lost = services.lost_seats(refused)
        kept = choice.without(lost)
        return _event_page(request, found, kept, buyer, problem=services.why_not(refused), lost=lost, status=409)
    except Unavailable:
        problem = _("No pudimos apartar tus asientos en este momento. Inténtalo de nuevo: no se apartan dos veces.")
        return _event_page(request, found, choice, buyer, problem=problem, status=503)
    session.remember_order(request, reservation.code)
    return redirect("order", code=reservation.code)


def _event_page(
    request: HttpRequest,
    found: selectors.OneEvent,
    choice: Choice,
    buyer: BuyerForm,
    *,
    problem: str = "",
    lost: dict[int, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    event, now = found.event, timezone.now()
    plan = _plan(event, Visitor.of(request))
    if plan is None and status == 200:
        status = 503
    chosen = [seat for seat in plan.seats if seat.id in choice.seats and seat.status == "available"] if plan else []
    sections = sorted((plan.sections if plan else ()) or event.sections, key=lambda one: (one.rank, one.id))
    drawn = seat_map(event_id=event.id, plan=plan).with_chosen([seat.id for seat in chosen]) if plan else None
    context = {
        "event": event,
        "as_of": found.as_of,
        "on_sale": event.on_sale(now),
        "opens_later": event.opens_later(now),
        "plan": plan,
        "map": drawn,
        "compact": drawn is not None and drawn.compact,
        "sections": sections,
        "choice": choice,
        "chosen": chosen,
        "total": sum(seat.price for seat in chosen),
        "buyer": buyer,
        "problem": problem,
        "lost": lost or {},
        # Kept while nothing was answered, so that a second click is the first one again.
        "nonce": choice.nonce or new_nonce(),
        "limit": settings.MAX_SEATS,
        "quantities": range(1, settings.MAX_SEATS + 1),
    }
    return render(request, "portal/event.html", context, status=status)


def _plan(event: Event, visitor: Visitor) -> SeatPlan | None:
    try:
        return reservations().seats(event.id, visitor)
    except Unavailable:
        return None


@require_safe
def taken_seats(request: HttpRequest, event_id: int) -> HttpResponse:
    """The ids of the seats that are not free, for the map that is already open; 304 when nothing changed."""
    try:
        plan = reservations().seats(event_id, Visitor.of(request))
    except Unavailable:
        return JsonResponse({"code": "unavailable", "error": _("Servicio no disponible por el momento")}, status=503)
    if plan is None:
        return JsonResponse({"code": "not_found", "error": _("No encontrado")}, status=404)
    if plan.etag and plan.etag in request.headers.get("If-None-Match", ""):
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = JsonResponse({"taken": [seat.id for seat in plan.seats if seat.status != "available"]})
    if plan.etag:
        response["ETag"] = plan.etag
    response["Cache-Control"] = "no-cache"
    return response
