"""Payment attempts of an order, and refunds. The money itself moves at the gateway, outside of any lock."""

import secrets

from django.db import models
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing_site.tickets.models import Order, Ticket


def new_reference() -> str:
    """What names an attempt at the gateway: 24 hexadecimal digits (Webpay allows 26)."""
    return secrets.token_hex(12)


class PaymentAttempt(models.Model):
    """started → captured | declined | unknown; unknown is settled by asking the gateway, never by guessing."""

    class Status(models.TextChoices):
        STARTED = "started", _("iniciado")
        CAPTURED = "captured", _("cobrado")
        DECLINED = "declined", _("rechazado")
        UNKNOWN = "unknown", _("por averiguar")

    OPEN = (Status.STARTED, Status.UNKNOWN)

    order = models.ForeignKey(Order, models.PROTECT, related_name="attempts", verbose_name=_("orden"))
    reference = models.CharField(_("referencia"), max_length=26, unique=True, default=new_reference)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    gateway = models.CharField(_("pasarela"), max_length=40)
    # Of a gateway with a page of its own: what names the payment there, and the page's address.
    token = models.CharField(max_length=100, blank=True)
    form_url = models.CharField(max_length=255, blank=True, default="", db_default="")
    amount = models.DecimalField(_("monto"), max_digits=10, decimal_places=0)
    card_last4 = models.CharField(_("tarjeta"), max_length=4, blank=True)
    status = models.CharField(_("estado"), max_length=10, choices=Status.choices, default=Status.STARTED, db_index=True)
    error = models.CharField(_("respuesta"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("iniciado"), default=timezone.now)
    asked_at = models.DateTimeField(_("consultado"), null=True, blank=True)
    settled_at = models.DateTimeField(_("resuelto"), null=True, blank=True)
    # When the buyer came back from that page having paid; before that nothing can be captured.
    returned_at = models.DateTimeField(_("volvió"), null=True, blank=True)
    # The refund that the gateway is being asked for, where one at a time is asked for.
    refunding = models.CharField(max_length=26, blank=True, default="", db_default="")
    # An order has one open attempt at a time: the database refuses a second.
    open_order = models.GeneratedField(
        expression=Case(When(Q(status__in=["started", "unknown"]), then=F("order_id"))),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
        unique=True,
        null=True,
        editable=False,
    )

    class Meta:
        verbose_name = _("intento de pago")
        verbose_name_plural = _("intentos de pago")
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["token"], name="attempt_by_token")]
        constraints = [
            models.UniqueConstraint(fields=["order", "idempotency_key"], name="payment_key_once_an_order"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="attempt_amount_not_negative"),
            models.CheckConstraint(
                condition=Q(status__in=["started", "captured", "declined", "unknown"]), name="attempt_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_at_form(self) -> bool:
        """Whether the buyer is at the gateway's page: nothing is captured before they come back."""
        return self.status == self.Status.STARTED and bool(self.token) and self.returned_at is None


class Refund(models.Model):
    """Money going back: of one ticket, or of a whole capture that came too late (`ticket` is empty then).

    due → started → done; unknown is asked again. The ticket is REFUNDED before the money moves.
    """

    class Status(models.TextChoices):
        DUE = "due", _("pendiente")
        STARTED = "started", _("enviado")
        DONE = "done", _("devuelto")
        UNKNOWN = "unknown", _("por averiguar")
        FAILED = "failed", _("rechazado por la pasarela")

    UNFINISHED = (Status.DUE, Status.STARTED, Status.UNKNOWN)

    attempt = models.ForeignKey(PaymentAttempt, models.PROTECT, related_name="refunds", verbose_name=_("pago"))
    ticket = models.OneToOneField(
        Ticket, models.PROTECT, null=True, blank=True, related_name="refund", verbose_name=_("boleto")
    )
    # Names the refund at the gateway, which makes it once however often it is asked.
    reference = models.CharField(_("referencia"), max_length=26, unique=True, default=new_reference)
    amount = models.DecimalField(_("monto"), max_digits=10, decimal_places=0)
    status = models.CharField(_("estado"), max_length=10, choices=Status.choices, default=Status.DUE, db_index=True)
    reason = models.CharField(_("motivo"), max_length=300, blank=True)
    by = models.CharField(_("quién"), max_length=120)
    error = models.CharField(_("respuesta"), max_length=200, blank=True)
    tries = models.PositiveIntegerField(_("intentos"), default=0)
    created_at = models.DateTimeField(_("pedido"), default=timezone.now)
    next_try_at = models.DateTimeField(default=timezone.now)
    # When the money was last asked for, where the gateway does not know a repeated request again.
    sent_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(_("devuelto"), null=True, blank=True)

    class Meta:
        verbose_name = _("reembolso")
        verbose_name_plural = _("reembolsos")
        ordering = ["-created_at"]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive")]

    def __str__(self) -> str:
        return self.reference
