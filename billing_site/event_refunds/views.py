"""The desk's pages about refunding a whole event: choosing it, what will happen, how far it is, what came of it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing_site.documents import wording
from billing_site.event_refunds import reservations, selectors, services
from billing_site.event_refunds.models import EventRefund

TONES = {"closing": "wait", "running": "info", "paused": "wait", "done": "good"}
SEES, ACTS = "event_refunds.view_eventrefund", "event_refunds.refund_event"
LISTED = 50


class StartForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Motivo"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Queda en la auditoría de cada boleto."),
    )
    sure = forms.BooleanField(label=gettext_lazy("Sí, terminar todos los boletos de este evento"))


def list_page(request: HttpRequest) -> HttpResponse:
    """The refunds of events so far, and the events that can be refunded."""
    _demand(request, SEES)
    refunds = [(row, TONES[row.status]) for row in EventRefund.objects.all()[:LISTED]]
    acts = request.user.has_perm(ACTS)
    context = {"refunds": refunds, "acts": acts, "subjects": selectors.subjects() if acts else []}
    return _page(request, "list", _("Reembolso de eventos"), context)


def new_page(request: HttpRequest) -> HttpResponse:
    """What will happen to the event; with a reason and a yes it begins."""
    _demand(request, ACTS)
    wanted = request.GET.get("event", "")
    subject = next((one for one in selectors.subjects() if one.value == wanted), None)
    if subject is None:
        messages.warning(request, _("Ese evento no tiene boletos que terminar."))
        return redirect("admin:event_refunds")
    form = StartForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = services.start(subject=subject, reason=form.cleaned_data["reason"], by=str(request.user))
        return _to(found)
    status = reservations.event_status(subject.event_id) if subject.event_id is not None else ""
    preview = selectors.preview(subject)
    context = {
        "subject": subject,
        "when": wording.day_and_clock(subject.starts_at) if subject.starts_at else "",
        "preview": preview,
        "money": wording.pesos(preview.money),
        "sales": status,
        "form": form,
    }
    return _page(request, "new", _("Reembolsar un evento"), context)


def refund_page(request: HttpRequest, id: int) -> HttpResponse:
    """How far it is and what came of it; with `part` only what changes."""
    _demand(request, SEES)
    refund = EventRefund.objects.filter(pk=id).first()
    if refund is None:
        raise Http404
    if request.method == "POST":
        _demand(request, ACTS)
        return _act(request, refund)
    report = selectors.report(refund)
    context = {
        "refund": refund,
        "report": report,
        "tone": TONES[refund.status],
        "live": refund.status in EventRefund.LIVE,
        "acts": request.user.has_perm(ACTS),
        "money": {name: wording.pesos(getattr(report, name)) for name in MONEY},
        "failed": [(row, wording.pesos(row.amount)) for row in report.failed],
    }
    if "part" in request.GET:
        return TemplateResponse(request, "admin/event_refunds/progress.html", context)
    return _page(request, "refund", _("Reembolso de %s") % refund.event, context)


MONEY = ("money", "returned", "on_the_way", "refused")


def _act(request: HttpRequest, refund: EventRefund) -> HttpResponse:
    acts: dict[str, Callable[..., Any]] = {"pause": services.pause, "resume": services.resume}
    wanted = request.POST.get("action", "")
    by = str(request.user)
    if wanted in acts:
        acts[wanted](refund=refund, by=by)
    elif wanted == "again":
        try:
            count = services.try_again(refund=refund, by=by)
        except services.Refused as refusal:
            messages.error(request, str(refusal))
        else:
            text = ngettext("%d orden se revisa otra vez", "%d órdenes se revisan otra vez", count) % count
            messages.info(request, text)
    return _to(refund)


def _to(refund: EventRefund) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:event_refund", args=[refund.pk]))


def _demand(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _page(request: HttpRequest, name: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    common = {**admin.site.each_context(request), "title": title}
    return TemplateResponse(request, f"admin/event_refunds/{name}.html", {**common, **context})
