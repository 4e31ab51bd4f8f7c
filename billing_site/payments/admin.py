from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing_site.desk import ReadOnlyAdmin, badge, may_act
from billing_site.documents import wording
from billing_site.payments import refunds
from billing_site.payments.models import PaymentAttempt, Refund

ATTEMPT_TONES = {"started": "wait", "captured": "good", "declined": "off", "unknown": "bad"}
REFUND_TONES = {"due": "wait", "started": "wait", "done": "good", "unknown": "bad", "failed": "bad"}


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(ReadOnlyAdmin):
    list_display = ["reference", "order", "money", "state", "card_last4", "gateway", "created_at", "error"]
    list_filter = ["status", "created_at", "gateway"]
    list_select_related = ["order"]
    search_fields = ["reference__exact", "order__code__exact", "card_last4__exact"]
    search_help_text = _("Referencia, código de orden o últimos cuatro dígitos de la tarjeta")
    # Whoever holds the token can act on the payment at the gateway.
    exclude = ["token", "idempotency_key", "open_order"]

    @admin.display(description=_("monto"), ordering="amount")
    def money(self, attempt: PaymentAttempt) -> str:
        return wording.pesos(attempt.amount)

    @admin.display(description=_("estado"), ordering="status")
    def state(self, attempt: PaymentAttempt) -> SafeString:
        return badge(attempt.get_status_display(), ATTEMPT_TONES[attempt.status])


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = ["reference", "order", "ticket", "money", "state", "reason", "by", "created_at", "done_at"]
    list_filter = ["status", "created_at"]
    list_select_related = ["attempt__order", "ticket"]
    search_fields = ["reference__exact", "attempt__order__code__exact", "ticket__external_id__exact"]
    search_help_text = _("Referencia, código de orden o boleto")
    actions = ["try_again"]

    @admin.display(description=_("orden"), ordering="attempt__order")
    def order(self, refund: Refund) -> Any:
        return refund.attempt.order

    @admin.display(description=_("monto"), ordering="amount")
    def money(self, refund: Refund) -> str:
        return wording.pesos(refund.amount)

    @admin.display(description=_("estado"), ordering="status")
    def state(self, refund: Refund) -> SafeString:
        return badge(refund.get_status_display(), REFUND_TONES[refund.status])

    def has_refund_permission(self, request: HttpRequest) -> bool:
        return may_act(request, "tickets.refund_ticket")

    @admin.action(description=_("Pedir otra vez los que la pasarela rechazó"), permissions=["refund"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Refund]) -> None:
        count = sum(refunds.try_again(refund=refund, by=str(request.user)) for refund in queryset)
        text = ngettext("%d devolución se pedirá otra vez", "%d devoluciones se pedirán otra vez", count) % count
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)
