"""One ticket: its QR code, its PDF, its refund; by the booking code or as the person logged in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from portal_site.accounts import session
from portal_site.checkout.calendar import calendar_file
from portal_site.checkout.forms import ReasonForm, new_nonce, nonce_of
from portal_site.checkout.ticket_cards import TicketCard
from portal_site.checkout.views import find_order
from portal_site.clients.billing import billing
from portal_site.clients.calls import Refused, SignedOut, Unavailable, Visitor


def _find(request: HttpRequest, external_id: str, code: str) -> TicketCard:
    if code:
        order = find_order(request, code)
        ticket = order.ticket(external_id)
        if ticket is None:
            raise Http404
        return TicketCard.of_order(order, ticket)
    if session.person_of(request) is None:
        raise SignedOut(401, "not_authenticated", "", {})
    ticket = billing().ticket(external_id, Visitor.as_person(request))
    if ticket is None:
        raise Http404
    return TicketCard(ticket)


@never_cache
@require_safe
def ticket_page(request: HttpRequest, external_id: str, code: str = "") -> HttpResponse:
    return render(request, "portal/ticket.html", {"card": _find(request, external_id, code)})


@never_cache
@require_safe
def ticket_pdf(request: HttpRequest, external_id: str, code: str = "") -> HttpResponse:
    """The PDF; while it is in preparation a page that looks again by itself."""
    if not code and session.person_of(request) is None:
        raise SignedOut(401, "not_authenticated", "", {})
    try:
        pdf = billing().document(external_id=external_id, code=code, visitor=Visitor.as_person(request))
    except Refused as refused:
        if refused.status in (403, 404):
            raise Http404 from refused
        raise
    if pdf is None:
        back = reverse("order", args=[code]) if code else reverse("my_tickets")
        return render(request, "portal/pdf_preparing.html", {"back": back}, status=202)
    response = HttpResponse(pdf, content_type="application/pdf")
    name = "".join(letter for letter in external_id if letter.isalnum() or letter in "-_")[:60]
    response["Content-Disposition"] = f'inline; filename="boleto-{name}.pdf"'
    return response


@never_cache
@require_safe
def ticket_calendar(request: HttpRequest, external_id: str, code: str = "") -> HttpResponse:
    """The event for the buyer's calendar; once refunded, the same entry cancelled."""
    card = _find(request, external_id, code)
    if card.when is None or card.ticket.status not in ("PAID", "USED", "REFUNDED"):
        raise Http404
    response = HttpResponse(calendar_file(card), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="ticketflow.ics"'
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def refund(request: HttpRequest, external_id: str, code: str = "") -> HttpResponse:
    """Asks once more before the money goes back, then asks billing."""
    found = _find(request, external_id, code)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    nonce = nonce_of(request.POST)
    if request.method != "POST" or not form.is_valid():
        return render(request, "portal/refund.html", {"card": found, "form": form, "nonce": new_nonce()})
    try:
        billing().refund(
            external_id=external_id,
            code=code,
            reason=form.cleaned_data["reason"],
            key=nonce,
            visitor=Visitor.as_person(request),
        )
    except Unavailable:
        problem = _("No pudimos pedir la devolución en este momento. Inténtalo de nuevo: no se devuelve dos veces.")
        context = {"card": found, "form": form, "nonce": nonce, "problem": problem}
        return render(request, "portal/refund.html", context, status=503)
    except SignedOut:
        raise
    except Refused as refused:
        if refused.status == 429:
            raise
        messages.error(request, refused.error or _("Este boleto ya no se puede devolver."))
        return redirect(found.back)
    messages.success(request, _("Boleto devuelto. El dinero vuelve a tu tarjeta en los próximos días."))
    return redirect(found.back)
