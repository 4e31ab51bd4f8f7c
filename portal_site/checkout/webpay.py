"""The way to Webpay's page, and back from it."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from csp.constants import SELF
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from portal_site.checkout.orders import OrderView
from portal_site.clients.billing import billing
from portal_site.clients.calls import Refused, Unavailable, Visitor
from portal_site.pages import too_many

# What Webpay gives the browser, in four shapes: paid (token_ws), aborted (TBK_TOKEN and the other two), out of time
# (those two alone), failed (all four). Billing tells them apart.
NAMES = ("token_ws", "TBK_TOKEN", "TBK_ORDEN_COMPRA", "TBK_ID_SESION")
LONGEST = 100


def leave(request: HttpRequest, code: str) -> HttpResponse:
    """Begins a payment and leads to its page. No money moves before the buyer comes back, so no key is needed."""
    try:
        order = billing().pay(code=code, card={}, key="", visitor=Visitor.of(request))
    except Unavailable:
        messages.warning(
            request, _("Webpay no responde en este momento. No se cobró nada: inténtalo de nuevo en un momento.")
        )
        return redirect("order", code=code)
    except Refused as refused:
        return too_many(request) if refused.status == 429 else redirect("order", code=code)
    at_form = order is not None and order.payment is not None and order.payment.form is not None
    return redirect("to_webpay" if at_form else "order", code=code)


def form_page(request: HttpRequest, order: OrderView) -> HttpResponse:
    """The page that takes the browser to Webpay by itself; without scripts, by a button."""
    if order.form is None:
        return redirect("order", code=order.code)
    response: Any = render(request, "portal/to_webpay.html", {"order": order})
    there = urlsplit(order.form.url)
    response._csp_update = {"form-action": [SELF, f"{there.scheme}://{there.netloc}", "https://*.transbank.cl"]}
    return response


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def came_back(request: HttpRequest) -> HttpResponse:
    """The browser comes back from Webpay, by GET or POST, without our cookies: what it brings is all we know."""
    sent = request.POST if request.method == "POST" else request.GET
    brought = {name: sent[name][:LONGEST] for name in NAMES if sent.get(name)}
    try:
        code = billing().back_from_webpay(brought=brought, visitor=Visitor.of(request))
    except Unavailable:
        return _ask_again(request, brought)
    except Refused as refused:
        if refused.status == 429:
            return _ask_again(request, brought)
        raise Http404 from None
    return redirect("order", code=code)


def _ask_again(request: HttpRequest, brought: dict[str, str]) -> HttpResponse:
    """Nobody has heard of the return yet: the page brings it again until somebody has."""
    again = f"{reverse('webpay_return')}?{urlencode(brought)}"
    response = render(request, "portal/back_from_webpay.html", {"again": again}, status=503)
    response["Retry-After"] = "4"
    return response
