"""The refund of a whole event: which one, how far it is, and what came of each order."""

from django.db import models
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing_site.tickets.models import Order


class EventRefund(models.Model):
    """closing → running → done; paused and resumed in between.

    `closing` waits until reservations has closed the sale: before that, new orders would come in behind its back.
    """

    class Status(models.TextChoices):
        CLOSING = "closing", _("espera el cierre de la venta")
        RUNNING = "running", _("en marcha")
        PAUSED = "paused", _("en pausa")
        DONE = "done", _("terminado")

    LIVE = (Status.CLOSING, Status.RUNNING, Status.PAUSED)

    # What names the event in QR codes too: its number, or for outside tickets a digest of the exact name.
    subject = models.CharField(max_length=30, db_index=True)
    event_id = models.BigIntegerField(_("evento n.º"), null=True, blank=True, db_index=True)
    event = models.CharField(_("evento"), max_length=200)
    status = models.CharField(_("estado"), max_length=10, choices=Status.choices, db_index=True)
    reason = models.CharField(_("motivo"), max_length=300)
    by = models.CharField(_("quién"), max_length=120)
    created_at = models.DateTimeField(_("pedido"), default=timezone.now)
    closed_at = models.DateTimeField(_("venta cerrada"), null=True, blank=True)
    finished_at = models.DateTimeField(_("terminado"), null=True, blank=True)
    # Asked for twice it is the same one: the database refuses a second while one is live.
    live_subject = models.GeneratedField(
        expression=Case(When(Q(status__in=["closing", "running", "paused"]), then=F("subject"))),
        output_field=models.CharField(max_length=30, null=True),
        db_persist=True,
        unique=True,
        null=True,
        editable=False,
    )

    class Meta:
        verbose_name = _("reembolso de un evento")
        verbose_name_plural = _("reembolsos de eventos")
        ordering = ["-created_at", "-id"]
        permissions = [("refund_event", _("Puede reembolsar un evento entero"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["closing", "running", "paused", "done"]), name="event_refund_status_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.created_at:%Y-%m-%d}"


class OrderToEnd(models.Model):
    """One order of the event. Its row is settled in the transaction that ends the order."""

    class Status(models.TextChoices):
        DUE = "due", _("por hacer")
        DONE = "done", _("hecha")
        # Nothing that can be done without a person.
        LOOK = "look", _("por revisar")

    refund = models.ForeignKey(EventRefund, models.PROTECT, related_name="orders")
    order = models.ForeignKey(Order, models.PROTECT, related_name="+", verbose_name=_("orden"))
    status = models.CharField(_("estado"), max_length=5, choices=Status.choices, default=Status.DUE)
    next_try_at = models.DateTimeField(default=timezone.now)
    # Tickets of the order, counted when it was ended.
    refunded = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0)
    used = models.PositiveIntegerField(default=0)
    money = models.DecimalField(_("monto"), max_digits=12, decimal_places=0, default=0)
    note = models.CharField(_("nota"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("orden de un evento reembolsado")
        verbose_name_plural = _("órdenes de eventos reembolsados")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["refund", "order"], name="order_once_an_event_refund")]
        indexes = [models.Index(fields=["refund", "status", "next_try_at"], name="event_refund_due")]

    def __str__(self) -> str:
        return f"{self.refund_id} {self.order_id}"
