from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from middleware_worker.outbox import services
from middleware_worker.outbox.models import OutboxMessage


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

    @admin.action(description=_("Enviar de nuevo los rechazados"), permissions=["change"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        count = sum(services.replay(id=str(row.id), by=str(request.user)) for row in queryset)
        text = ngettext("%d mensaje se enviará de nuevo", "%d mensajes se enviarán de nuevo", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(description=_("Descartar los rechazados"), permissions=["change"])
    def discard(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        count = sum(services.discard(id=str(row.id), by=str(request.user)) for row in queryset)
        text = ngettext("%d mensaje descartado", "%d mensajes descartados", count) % count
        self.message_user(request, text, messages.SUCCESS)
