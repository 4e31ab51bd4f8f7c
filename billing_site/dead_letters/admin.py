import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing_site.dead_letters import services
from billing_site.dead_letters.models import DeadLetter
from billing_site.desk import ReadOnlyAdmin, badge, may_act

SHOWN = 8000  # characters of a body
TONES = {"open": "bad", "replayed": "good", "discarded": "off"}


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "queue", "code", "why", "state", "size", "changed_by"]
    list_filter = ["status", "queue", "code", "received_at"]
    search_fields = ["reason", "digest__exact"]
    search_help_text = _("Palabras del motivo")
    fields = ["queue", "received_at", "code", "reason", "size", "shown_body", "status", "changed_at", "changed_by"]
    readonly_fields = ["shown_body"]
    actions = ["replay", "discard"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        # The actions need whole rows; the list itself does not show what is in them.
        return rows.defer("body") if is_list and request.method == "GET" else rows

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

    @admin.action(description=_("Enviar de nuevo"), permissions=["repair"])
    def replay(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        count = sum(bool(services.replay(dead_letter=letter, by=str(request.user))) for letter in queryset)
        text = ngettext("%d mensaje enviado de nuevo", "%d mensajes enviados de nuevo", count) % count
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    @admin.action(description=_("Descartar"), permissions=["repair"])
    def discard(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        count = sum(bool(services.discard(dead_letter=letter, by=str(request.user))) for letter in queryset)
        text = ngettext("%d mensaje descartado", "%d mensajes descartados", count) % count
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)


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
