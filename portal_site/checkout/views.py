"""The page of an order: its countdown, payment, cancellation and what it asks itself meanwhile."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal_site.checkout import guessing, webpay
from portal_site.checkout.cards import TEST_CARDS
from portal_site.checkout.forms import CardForm, CodeForm, focus_first_error, new_nonce, nonce_of
from portal_site.checkout.orders import OrderView, order_view
from portal_site.checkout.ticket_cards import TicketCard
from portal_site.clients.billing import billing
from portal_site.clients.calls import Refused, Unavailable, Visitor
from portal_site.clients.reservations import reservations
from portal_site.pages import too_many


class TooManyWrongCodes(Refused):
    def __init__(self) -> None:
        super().__init__(429, "throttled", "", {})


def find_order(request: HttpRequest, code: str) -> OrderView:
    """The order of a code, or a 404 that is counted against the visitor's address."""
    if guessing.has_to_wait(request):
        raise TooManyWrongCodes
    asked = code in request.session.get("asked_to_pay", {})
    found = order_view(code=code, visitor=Visitor.of(request), asked_to_pay=asked)
    if found is None:
        guessing.note_wrong_code(request)
        raise Http404
    return found


@never_cache
@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Somebody typed a booking code."""
    form = CodeForm(request.GET)
    if form.is_valid():
        return redirect("order", code=form.cleaned_data["code"])
    if "code" not in request.GET:
        form = CodeForm()
    return render(request, "portal/find_order.html", {"form": form}, status=400 if form.errors else 200)


@never_cache
@require_safe
def order_page(request: HttpRequest, code: str) -> HttpResponse:
    order = find_order(request, code)
    if order.code != code:
        return redirect("order", code=order.code)
    if order.billing_answers:
        _settled(request, code)
    return _order_page(request, order, CardForm())


def _order_page(request: HttpRequest, order: OrderView, card: CardForm, *, status: int = 200) -> HttpResponse:
    if card.is_bound:
        focus_first_error(card)
    context: dict[str, Any] = {
        "order": order,
        "tickets": [TicketCard.of_order(order, ticket) for ticket in order.tickets],
        "card": card,
        "now": timezone.now(),
        "nonce": _pay_nonce(request, order),
    }
    if settings.SHOW_TEST_CARDS:
        context["test_cards"] = TEST_CARDS
    return render(request, "portal/order.html", context, status=status)


def _pay_nonce(request: HttpRequest, order: OrderView) -> str:
    """The same until the payment has an answer, also in a second tab: money moves once."""
    if not order.may_pay:
        return ""
    nonces = request.session.get("pay_nonces", {})
    if order.code not in nonces:
        request.session["pay_nonces"] = nonces | {order.code: new_nonce()}
    return str(request.session["pay_nonces"][order.code])


def _settled(request: HttpRequest, code: str) -> None:
    """Billing has answered: what was asked from this browser is no longer in the air."""
    asked = request.session.get("asked_to_pay", {})
    if code in asked:
        request.session["asked_to_pay"] = {other: at for other, at in asked.items() if other != code}


def _new_nonce_next_time(request: HttpRequest, code: str) -> None:
    nonces = request.session.get("pay_nonces", {})
    request.session["pay_nonces"] = {other: nonce for other, nonce in nonces.items() if other != code}


@never_cache
@require_safe
def order_state(request: HttpRequest, code: str) -> HttpResponse:
    """What the open page asks every few seconds: has anything changed?"""
    try:
        order = find_order(request, code)
    except Http404:
        return JsonResponse({"code": "not_found", "error": _("No encontrado")}, status=404)
    except Unavailable:
        return JsonResponse({"code": "unavailable", "error": _("Servicio no disponible por el momento")}, status=503)
    return JsonResponse({"state": order.state, "version": order.version, "now": timezone.now().isoformat()})


@never_cache
@sensitive_post_parameters("card_number", "card_expiry", "card_cvv")
@require_POST
def pay(request: HttpRequest, code: str) -> HttpResponse:
    if guessing.has_to_wait(request):
        return too_many(request)
    if request.POST.get("with") == "webpay":
        return webpay.leave(request, code)
    card, nonce = CardForm(request.POST), nonce_of(request.POST)
    if not card.is_valid():
        return _order_page(request, find_order(request, code), card, status=400)
    request.session["asked_to_pay"] = request.session.get("asked_to_pay", {}) | {code: timezone.now().isoformat()}
    try:
        paid = billing().pay(code=code, card=card.cleaned_data, key=nonce, visitor=Visitor.of(request))
    except Unavailable:
        # The page says what is known: nothing was charged, or nobody knows yet.
        return redirect("order", code=code)
    except Refused as refused:
        return _not_paid(request, code, card, refused)
    _settled(request, code)
    if paid is not None:
        _new_nonce_next_time(request, code)
    return redirect("order", code=code)


def _not_paid(request: HttpRequest, code: str, card: CardForm, refused: Refused) -> HttpResponse:
    _settled(request, code)
    if refused.status == 429:
        return too_many(request)
    if refused.status == 402:
        _new_nonce_next_time(request, code)
        return redirect("order", code=code)
    if refused.status in (404, 409):
        # Not heard of yet, paid in another tab, or run out: the page itself says which.
        return redirect("order", code=code)
    card.add_error(None, refused.error or _("No se pudo pagar con esta tarjeta."))
    return _order_page(request, find_order(request, code), card, status=400)


@never_cache
@require_safe
def to_webpay(request: HttpRequest, code: str) -> HttpResponse:
    return webpay.form_page(request, find_order(request, code))


@never_cache
@require_http_methods(["POST"])
def cancel(request: HttpRequest, code: str) -> HttpResponse:
    order = find_order(request, code)
    try:
        reservations().cancel(order.code, Visitor.of(request))
    except Refused as refused:
        if refused.status == 429:
            return too_many(request)
        messages.warning(request, refused.error or _("Esta reserva ya no se puede cancelar."))
    except Unavailable:
        messages.warning(request, _("No pudimos cancelar en este momento. Inténtalo de nuevo."))
    return redirect("order", code=code)
