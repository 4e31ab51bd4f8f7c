"""Orders and their tickets. Billing alone decides whether a ticket was paid or ran out."""

from django.db import models
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing_site.accounts.models import Person


class Order(models.Model):
    """One reservation, or one ticket of an outside producer. Its row is the lock of all its tickets."""

    class Source(models.TextChoices):
        RESERVATIONS = "reservations", _("reservas")
        OUTSIDE = "outside", _("externo")

    code = models.CharField(_("código"), max_length=128, unique=True)
    source = models.CharField(_("origen"), max_length=12, choices=Source.choices)
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="orders", db_column="rut", verbose_name=_("persona")
    )
    name = models.CharField(_("nombre"), max_length=200, blank=True)
    email = models.EmailField(_("correo"), blank=True)
    event_id = models.BigIntegerField(_("evento n.º"), null=True, blank=True, db_index=True)
    event = models.CharField(_("evento"), max_length=200)
    venue = models.CharField(_("recinto"), max_length=200, blank=True)
    starts_at = models.DateTimeField(_("comienza"), null=True, blank=True)
    reserved_at = models.DateTimeField(_("reservada"), null=True, blank=True)
    expires_at = models.DateTimeField(_("vence"), null=True, blank=True)
    created_at = models.DateTimeField(_("recibida"), default=timezone.now, db_index=True)
    # Whoever proved the claim: only then does the person see it. See docs/decisions on claims.
    claimed_at = models.DateTimeField(_("reclamada"), null=True, blank=True)
    # sha256 of what an outside message said; the same id with other content is a conflict.
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("orden")
        verbose_name_plural = _("órdenes")
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["email"], name="order_email")]

    def __str__(self) -> str:
        return self.code


class Ticket(models.Model):
    class Status(models.TextChoices):
        PENDING_PAYMENT = "PENDING_PAYMENT", _("por pagar")
        PAID = "PAID", _("pagado")
        USED = "USED", _("usado")
        REFUNDED = "REFUNDED", _("reembolsado")
        EXPIRED = "EXPIRED", _("vencido")

    LIVE = (Status.PENDING_PAYMENT, Status.PAID, Status.USED)

    external_id = models.CharField(_("boleto"), max_length=128, unique=True)
    order = models.ForeignKey(Order, models.PROTECT, related_name="tickets", verbose_name=_("orden"))
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="tickets", db_column="rut", verbose_name=_("persona")
    )
    event = models.CharField(_("evento"), max_length=200)
    event_id = models.BigIntegerField(_("evento n.º"), null=True, blank=True, db_index=True)
    seat_id = models.BigIntegerField(_("asiento n.º"), null=True, blank=True)
    seat = models.CharField(_("asiento"), max_length=60, blank=True)
    section = models.CharField(_("sector"), max_length=60, blank=True)
    price = models.DecimalField(_("precio"), max_digits=10, decimal_places=0)
    status = models.CharField(
        _("estado"), max_length=15, choices=Status.choices, default=Status.PENDING_PAYMENT, db_index=True
    )
    # The ticket's version, counted by billing alone: receivers apply the newer state, older ones do nothing.
    generation = models.PositiveIntegerField(default=1)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(_("creado"), default=timezone.now, db_index=True)
    paid_at = models.DateTimeField(_("pagado"), null=True, blank=True, db_index=True)
    used_at = models.DateTimeField(_("usado"), null=True, blank=True)
    refunded_at = models.DateTimeField(_("reembolsado"), null=True, blank=True)
    expired_at = models.DateTimeField(_("vencido"), null=True, blank=True)
    # The last word of the database: a seat has at most one live ticket.
    live_seat = models.GeneratedField(
        expression=Case(When(Q(status__in=["PENDING_PAYMENT", "PAID", "USED"]), then=F("seat_id"))),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
        unique=True,
        null=True,
        editable=False,
    )

    class Meta:
        verbose_name = _("boleto")
        verbose_name_plural = _("boletos")
        ordering = ["-created_at", "-id"]
        # With the price, so that the sums of a day are read from the index alone.
        indexes = [
            models.Index(fields=["paid_at", "price"], name="ticket_paid_price"),
            models.Index(fields=["refunded_at", "price"], name="ticket_refunded_price"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="ticket_price_not_negative"),
            models.CheckConstraint(
                condition=Q(status__in=["PENDING_PAYMENT", "PAID", "USED", "REFUNDED", "EXPIRED"]),
                name="ticket_status_known",
            ),
        ]
        permissions = [
            ("check_in_ticket", _("Puede registrar ingresos")),
            ("refund_ticket", _("Puede reembolsar boletos")),
            ("view_sums", _("Puede ver sumas de dinero")),
        ]

    def __str__(self) -> str:
        return self.external_id


class Admission(models.Model):
    """The one time a ticket was let in; a second row for a ticket is refused by the database."""

    ticket = models.OneToOneField(Ticket, models.PROTECT, related_name="admission", verbose_name=_("boleto"))
    at = models.DateTimeField(_("cuándo"), default=timezone.now)
    gate = models.CharField(_("puerta"), max_length=60, blank=True)
    by = models.CharField(_("quién"), max_length=120)

    class Meta:
        verbose_name = _("ingreso")
        verbose_name_plural = _("ingresos")
        ordering = ["-at"]
        indexes = [models.Index(fields=["at"], name="admission_at")]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.at:%H:%M:%S}"


class AuditEntry(models.Model):
    """Who did what; written in the transaction that did it, never changed."""

    at = models.DateTimeField(_("cuándo"), default=timezone.now, db_index=True)
    by = models.CharField(_("quién"), max_length=120)
    action = models.CharField(_("qué"), max_length=40)
    person = models.ForeignKey(
        Person, models.PROTECT, null=True, blank=True, related_name="audit", verbose_name=_("persona")
    )
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, blank=True, related_name="audit", verbose_name=_("orden")
    )
    ticket = models.ForeignKey(
        Ticket, models.PROTECT, null=True, blank=True, related_name="audit", verbose_name=_("boleto")
    )
    reason = models.CharField(_("motivo"), max_length=300, blank=True)
    detail = models.JSONField(_("detalle"), default=dict)

    class Meta:
        verbose_name = _("registro de auditoría")
        verbose_name_plural = _("auditoría")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.by} {self.action}"


class Generation(models.Model):
    """The first half of every new version: one row, raised when a promoted or restored billing has healed.

    No row means 1. See `generations.current`.
    """

    value = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("generación")
        verbose_name_plural = _("generaciones")

    def __str__(self) -> str:
        return str(self.value)
