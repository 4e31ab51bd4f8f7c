"""The picture of how messages travel: three ways, each from where they wait to where they arrive."""

from typing import NamedTuple

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing_site.carriage.selectors import Carriage, Waiting, look
from billing_site.payments.today import LATE

SEES = "outbox.view_outboxmessage"


class Stop(NamedTuple):
    """A place on the way. `tone` colours it, `state` says the same in a word."""

    name: str
    state: str
    tone: str
    note: str = ""
    url: str = ""
    # Beside the one before it, not behind it.
    apart: bool = False


def carriage_page(request: HttpRequest) -> HttpResponse:
    """All queues and workers at one look; with `part` only what changes."""
    if not request.user.has_perm(SEES):
        raise PermissionDenied
    found = look()
    context = {"found": found, "ways": _ways(found), "at": timezone.localtime(), "verdict": _verdict(found)}
    if "part" in request.GET:
        return TemplateResponse(request, "admin/carriage/ways.html", context)
    common = {**admin.site.each_context(request), "title": _("Mensajería")}
    return TemplateResponse(request, "admin/carriage/page.html", {**common, **context})


def _verdict(found: Carriage) -> tuple[str, str]:
    late = any(place.oldest and place.oldest > LATE for place in (found.ours, found.theirs))
    if not found.middleware:
        return "bad", _("La mensajería no responde: no se sabe qué espera en las colas. Nada se pierde, pero espera.")
    if not found.broker:
        return "bad", _("RabbitMQ no responde: nada se lleva. Los mensajes esperan en cada base de datos.")
    if not found.worker:
        return "bad", _("Ningún trabajador responde: las colas crecen y nada llega.")
    if late:
        return "wait", _("Todo funciona, pero hay mensajes que esperan hace más de cinco minutos.")
    if found.theirs.count is None:
        return "wait", _("Lo que se ve funciona. No se sabe qué espera en reservas.")
    return "good", _("Todo funciona: lo que se escribe llega al otro lado en segundos.")


def _ways(found: Carriage) -> list[tuple[str, list[Stop]]]:
    outbox = reverse("admin:outbox_outboxmessage_changelist")
    worker = _worker(found)
    dead = reverse("admin:dead_letters_deadletter_changelist")
    here, there = Stop(_("Facturación"), _("recibe"), "good"), Stop(_("Reservas"), _("recibe"), "off")
    return [
        (
            _("Boletos nuevos, de reservas a facturación"),
            [
                _place(_("Por llevar, en reservas"), found.theirs),
                _queue(found, "ticketflow.to_billing"),
                worker,
                here,
            ],
        ),
        (
            _("Pagos, reembolsos e ingresos, de facturación a reservas"),
            [
                _place(_("Por llevar, aquí"), found.ours, url=f"{outbox}?state__exact=0"),
                _queue(found, "ticketflow.to_reservations"),
                worker,
                there,
            ],
        ),
        (
            _("Boletos de vendedores externos"),
            [_queue(found, "new_ticket"), _queue(found, "ticketflow.outside"), worker, here],
        ),
        (
            _("Lo que no se pudo usar"),
            [
                _queue(found, "ticketflow.dead_letters"),
                _trouble(_("Mensajes muertos"), found.dead_letters, f"{dead}?status__exact=open"),
                _trouble(_("Rechazados por reservas"), found.rejected, f"{outbox}?state__exact=2")._replace(apart=True),
            ],
        ),
    ]


def _place(name: str, waiting: Waiting, *, url: str = "") -> Stop:
    if waiting.count is None:
        note = _("reservas no responde, o falta METRICS_TOKEN")
        return Stop(name, _("no se sabe"), "off", note, url)
    if not waiting.oldest:
        return Stop(name, _("nada espera"), "good", url=url)
    now = timezone.now()
    age = timesince(now - waiting.oldest, now, depth=1)
    note = _("el más antiguo hace %s") % age
    return Stop(name, _waiting(waiting.count), "bad" if waiting.oldest > LATE else "wait", note, url)


def _queue(found: Carriage, name: str) -> Stop:
    count = found.queue(name)
    label = _("Cola %s") % name.removeprefix("ticketflow.")
    if not found.middleware or not found.broker:
        return Stop(label, _("no se sabe"), "off")
    if count is None:
        return Stop(label, _("no existe todavía"), "off")
    return Stop(label, _waiting(count) if count else _("nada espera"), "wait" if count else "good")


def _worker(found: Carriage) -> Stop:
    if not found.middleware:
        return Stop(_("Trabajador"), _("no se sabe"), "off")
    return Stop(_("Trabajador"), *((_("responde"), "good") if found.worker else (_("no responde"), "bad")))


def _trouble(name: str, count: int, url: str) -> Stop:
    return Stop(name, _waiting(count) if count else _("ninguno"), "bad" if count else "good", url=url)


def _waiting(count: int) -> str:
    return ngettext("%d espera", "%d esperan", count) % count
