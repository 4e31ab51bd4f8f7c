"""The search page, and the check-in page: a gate's screen, for a scanner or for typing, on a telephone or at a desk."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing_site.documents import wording
from billing_site.tickets import scan as scans
from billing_site.tickets import search, signing
from billing_site.tickets.scan import GateEvent, Scan

RECENT = 10
GATE, SCANS = "gate", "gate_scans"


class Look(NamedTuple):
    """How an answer is shown: never by colour alone."""

    tone: str
    icon: str
    headline: Promise | str
    what_to_do: Promise | str


LOOKS = {
    "in": Look("good", "✓", gettext_lazy("Adelante"), ""),
    "already_used": Look("bad", "✕", gettext_lazy("Ya ingresó"), gettext_lazy("No dejar entrar otra vez.")),
    "not_paid": Look("warn", "$", gettext_lazy("No está pagado"), gettext_lazy("Enviar a boletería para pagar.")),
    "refunded": Look("bad", "✕", gettext_lazy("Reembolsado"), gettext_lazy("El dinero se devolvió: ya no sirve.")),
    "expired": Look("bad", "✕", gettext_lazy("Vencido"), gettext_lazy("Nunca se pagó y su asiento se liberó.")),
    "other_event": Look("warn", "!", gettext_lazy("Es de otro evento"), gettext_lazy("Revisar la fecha y el lugar.")),
    "forged": Look("bad", "✕", gettext_lazy("Código falso"), gettext_lazy("La firma no es nuestra. Avisar al jefe.")),
    "unknown": Look("bad", "?", gettext_lazy("No existe"), gettext_lazy("Leer de nuevo, o buscar por la orden.")),
    "choose": Look("info", "→", gettext_lazy("Elige el boleto"), gettext_lazy("La orden tiene varios.")),
}


class GateForm(forms.Form):
    event = forms.ChoiceField(label=gettext_lazy("Evento"))
    gate = forms.CharField(
        label=gettext_lazy("Puerta"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    text = forms.CharField(
        label=gettext_lazy("Código QR, boleto u orden"), required=False, max_length=signing.MAX_LENGTH
    )

    def __init__(self, *args: Any, events: list[GateEvent], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.events = {event.value: event for event in events}
        choices = [("", _("Elige el evento…")), *((value, _event_label(event)) for value, event in self.events.items())]
        self.fields["event"].choices = choices  # type: ignore[attr-defined]

    def chosen(self) -> GateEvent:
        return self.events[self.cleaned_data["event"]]


def search_page(request: HttpRequest) -> HttpResponse:
    """What the one field finds; whatever is the only one there is opened at once."""
    if not search.may_search(request.user):
        raise PermissionDenied
    text = request.GET.get("q", "").strip()[:200]
    found = search.search(text, user=request.user)
    if found.count == 1:
        rows: list[Model] = [*found.orders, *found.tickets, *found.people]
        (row,) = rows
        return HttpResponseRedirect(
            reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        )
    context = {**admin.site.each_context(request), "title": _("Buscar"), "text": text, "found": found}
    return TemplateResponse(request, "admin/search.html", context)


def check_in_page(request: HttpRequest) -> HttpResponse:
    """Asks for event and gate once, then answers one scan after the other."""
    if not request.user.has_perm("tickets.check_in_ticket"):
        raise PermissionDenied
    events = scans.gate_events(now=timezone.now())
    kept = request.session.get(GATE, {})
    form = GateForm(request.POST or None, initial=kept, events=events)
    context: dict[str, Any] = {**admin.site.each_context(request), "title": _("Control de ingreso"), "form": form}
    event = form.events.get(kept.get("event", ""))
    if request.method == "POST" and form.is_valid():
        event = form.chosen()
        gate, text = form.cleaned_data["gate"], form.cleaned_data["text"]
        request.session[GATE] = {"event": event.value, "gate": gate}
        if text:
            answer = scans.scan(text=text, event=event, gate=gate, by=str(request.user))
            _remember(request, answer, text)
            context["answer"] = _answer(answer, gate)
    context |= {
        "event": event,
        "event_label": _event_label(event) if event else "",
        "gate": request.session.get(GATE, {}).get("gate", ""),
        "progress": scans.progress(event) if event else None,
        "recent": [_recent(row) for row in request.session.get(SCANS, [])],
    }
    return TemplateResponse(request, "admin/check_in.html", context)


def _answer(scan: Scan, gate: str) -> dict[str, Any]:
    look, ticket = LOOKS[scan.code], scan.ticket
    detail = str(look.what_to_do)
    if scan.code == "already_used" and scan.at:
        detail = _used_at(scan.at, scan.gate, here=gate)
    if scan.code == "other_event" and ticket:
        detail = ticket.event
        if ticket.order.starts_at:
            detail += " · " + wording.day_and_clock(ticket.order.starts_at)
    return {
        "code": scan.code,
        "look": look,
        "detail": detail,
        "ticket": ticket,
        "holder": (ticket.order.name or ticket.person.full_name) if ticket else "",
        "place": wording.seat_line(section=ticket.section, seat=ticket.seat) if ticket else "",
        "choices": [
            {"ticket": choice, "place": wording.seat_line(section=choice.section, seat=choice.seat)}
            for choice in scan.choices
        ],
    }


def _used_at(used_at: datetime, gate: str, *, here: str) -> str:
    ago = int((timezone.now() - used_at).total_seconds())
    # A scanner that reads twice must not turn an honest guest away.
    if gate == here and ago < 30:
        return (
            ngettext(
                "Hace %d segundo, por esta misma puerta: quizás se leyó dos veces.",
                "Hace %d segundos, por esta misma puerta: quizás se leyó dos veces.",
                ago,
            )
            % ago
        )
    at = timezone.localtime(used_at)
    moment = f"{at:%H:%M:%S}" if ago < timedelta(hours=20).total_seconds() else f"{at:%d-%m-%Y %H:%M}"
    if gate:
        return _("A las %(time)s por la puerta «%(gate)s».") % {"time": moment, "gate": gate}
    return _("A las %(time)s.") % {"time": moment}


def _remember(request: HttpRequest, scan: Scan, text: str) -> None:
    ticket = scan.ticket
    place = wording.seat_line(section=ticket.section, seat=ticket.seat) if ticket else text[:40]
    holder = (ticket.order.name or ticket.person.full_name) if ticket else ""
    row = {"at": timezone.now().isoformat(), "code": scan.code, "place": place, "holder": holder[:60]}
    request.session[SCANS] = [row, *request.session.get(SCANS, [])][:RECENT]


def _recent(row: dict[str, str]) -> dict[str, Any]:
    return {**row, "at": timezone.localtime(datetime.fromisoformat(row["at"])), "look": LOOKS[row["code"]]}


def _event_label(event: GateEvent) -> str:
    if event.starts_at is None:
        return _("%s (sin fecha)") % event.name
    at = timezone.localtime(event.starts_at)
    return f"{event.name} · {at:%d-%m-%Y %H:%M}"
