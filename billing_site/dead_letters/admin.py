import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing_site.dead_letters import services
from billing_site.dead_letters.models import DeadLetter
from billing_site.desk import ReadOnlyAdmin, badge, may_act

MOST = 500
SHOWN = 8000  # characters of a body
TONES = {"open": "bad", "replayed": "good", "discarded": "off"}


# What was wrong, for people; the code itself stays in the filter's address and in the API.
WORDS: dict[str, Promise] = {
    "not_json": _("No es JSON"),
    "not_utf8": _("No es texto UTF-8"),
    "not_an_object": _("No es un objeto JSON"),
    "invalid": _("Falta un dato, o uno no vale"),
    "too_large": _("Demasiado grande"),
    "conflict": _("Ese número ya es de otro boleto"),
    "seat_conflict": _("El asiento ya tiene un boleto vigente"),
    "rejected": _("Facturación lo rechazó"),
    "delivery_limit": _("Hizo caer al trabajador varias veces"),
    "expired": _("Esperó demasiado en la cola"),
    "maxlen": _("La cola estaba llena"),
    "unreadable": _("No se pudo leer"),
}
ACTIONS: dict[str, Callable[..., bool]] = {"replay": services.replay, "discard": services.discard}


def in_words(code: str) -> str:
    """What was wrong; the code itself when it has no words yet."""
    return str(WORDS.get(code, code))


class CodeFilter(admin.SimpleListFilter):
    """By what was wrong: the codes that there are."""

    title = _("qué falló")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = DeadLetter.objects.order_by("code").values_list("code", flat=True).distinct()
        return [(code, in_words(code)) for code in codes[:50]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        return queryset.filter(code=self.value()) if self.value() else queryset


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "queue", "what", "why", "state", "size", "changed_by"]
    list_filter = ["status", "queue", CodeFilter, "received_at"]
    search_fields = ["reason", "digest__exact"]
    search_help_text = _("Palabras del motivo")
    fields = ["queue", "received_at", "what", "reason", "size", "shown_body", "status", "changed_at", "changed_by"]
    readonly_fields = ["what", "shown_body"]
    actions = ["replay", "discard"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        # The actions need whole rows; the list itself does not show what is in them.
        return rows.defer("body") if is_list and request.method == "GET" else rows

    @admin.display(description=_("qué falló"), ordering="code")
    def what(self, letter: DeadLetter) -> str:
        return in_words(letter.code)

    @admin.display(description=_("motivo"), ordering="reason")
    def why(self, letter: DeadLetter) -> str:
        return letter.reason if len(letter.reason) <= 90 else letter.reason[:90] + "…"

    @admin.display(description=_("estado"), ordering="status")
    def state(self, letter: DeadLetter) -> SafeString:
        return badge(letter.get_status_display(), TONES[letter.status])

    @admin.display(description=_("contenido"))
    def shown_body(self, letter: DeadLetter) -> SafeString:
        return format_html('<pre class="body" tabindex="0">{}</pre>', readable(bytes(letter.body)))

    def has_repair_permission(self, request: HttpRequest) -> bool:
        return may_act(request, "dead_letters.change_deadletter")

    @admin.action(description=_("Enviar de nuevo…"), permissions=["repair"])
    def replay(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self._act(request, queryset, "replay")

    @admin.action(description=_("Descartar…"), permissions=["repair"])
    def discard(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> HttpResponse | None:
        return self._act(request, queryset, "discard")

    def _act(self, request: HttpRequest, queryset: QuerySet[DeadLetter], action: str) -> HttpResponse | None:
        """First asks, with what will happen; then does it, letter by letter, each on record."""
        if queryset.count() > MOST:
            self.message_user(request, _("Elige %d mensajes como máximo.") % MOST, messages.ERROR)
            return None
        if "confirmed" not in request.POST:
            return self._ask(request, queryset, action)
        done = sum(ACTIONS[action](dead_letter=letter, by=str(request.user)) for letter in queryset)
        texts = {
            "replay": ngettext("%d mensaje enviado de nuevo", "%d mensajes enviados de nuevo", done),
            "discard": ngettext("%d mensaje descartado", "%d mensajes descartados", done),
        }
        self.message_user(request, texts[action] % done, messages.SUCCESS if done else messages.WARNING)
        if left := queryset.count() - done:
            text = ngettext("%d quedó como estaba: su motivo dice por qué.", "%d quedaron como estaban.", left) % left
            self.message_user(request, text, messages.WARNING)
        return None

    def _ask(self, request: HttpRequest, queryset: QuerySet[DeadLetter], action: str) -> HttpResponse:
        rows = list(queryset.defer("body").order_by("-received_at", "-id"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Enviar de nuevo") if action == "replay" else _("Descartar mensajes"),
            "action": action,
            "opts": self.model._meta,
            "rows": [(row, in_words(row.code), row.status == DeadLetter.Status.OPEN) for row in rows],
            "count": sum(row.status == DeadLetter.Status.OPEN for row in rows),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/dead_letters/confirm.html", context)


def readable(body: bytes) -> str:
    """A body for the eye: JSON set out, text as it is, anything else in hexadecimal digits."""
    try:
        text = body.decode()
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except UnicodeDecodeError:
        text = body[: SHOWN // 3].hex(" ")
    except (ValueError, RecursionError):
        text = body.decode(errors="replace")
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
