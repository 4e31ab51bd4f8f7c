from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from middleware_worker.outbox import services
from middleware_worker.outbox.models import OutboxMessage

State = OutboxMessage.State
MOST = 500


@admin.register(OutboxMessage)
class OutboxMessageAdmin(admin.ModelAdmin):
    """What waits for the other side, and what it refused."""

    list_display = [
        "created_at",
        "type",
        "aggregate",
        "state",
        "attempts",
        "published_at",
        "receipted_at",
        "last_error",
    ]
    # No date_hierarchy: MariaDB cannot draw it unless its time zone tables were loaded.
    list_filter = ["state", "type", "created_at"]
    show_full_result_count = False
    search_fields = ["aggregate__exact"]
    ordering = ["-created_at"]
    actions = ["replay", "discard"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: OutboxMessage | None = None) -> list[str]:
        return [field.name for field in OutboxMessage._meta.fields]

    @admin.action(description=_("Enviar de nuevo los rechazados…"), permissions=["change"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> HttpResponse | None:
        return self._act(request, queryset.filter(state__in=[State.REJECTED, State.DISCARDED]), "replay")

    @admin.action(description=_("Descartar los rechazados…"), permissions=["change"])
    def discard(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> HttpResponse | None:
        return self._act(request, queryset.filter(state=State.REJECTED), "discard")

    def _act(self, request: HttpRequest, queryset: QuerySet[OutboxMessage], action: str) -> HttpResponse | None:
        """First asks, with what will happen; then does it, row by row."""
        rows = list(queryset.order_by("-created_at")[:MOST])
        if not rows:
            self.message_user(
                request, _("Ninguno de los elegidos está rechazado: quedan como están."), messages.WARNING
            )
            return None
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": _("Enviar de nuevo") if action == "replay" else _("Descartar mensajes"),
                "action": action,
                "opts": self.opts,
                "rows": rows,
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/outbox/confirm.html", context)
        act = services.replay if action == "replay" else services.discard
        done = [row for row in rows if act(id=str(row.id), by=str(request.user))]
        for row in done:
            self.log_change(request, row, str(_("Enviado de nuevo") if action == "replay" else _("Descartado")))
        count = len(done)
        texts = {
            "replay": ngettext("%d mensaje se enviará de nuevo", "%d mensajes se enviarán de nuevo", count),
            "discard": ngettext("%d mensaje descartado", "%d mensajes descartados", count),
        }
        self.message_user(request, texts[action] % count, messages.SUCCESS if count else messages.WARNING)
        return None
