"""Events, their price sections and their seats."""

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from reservations_site.venues.models import Venue


class Event(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("borrador")
        PUBLISHED = "published", _("publicado")
        CANCELLED = "cancelled", _("cancelado")

    venue = models.ForeignKey(Venue, models.PROTECT, related_name="events", verbose_name=_("recinto"))
    name = models.CharField(_("nombre"), max_length=200)
    description = models.TextField(_("descripción"), blank=True)
    starts_at = models.DateTimeField(_("comienza"))
    sales_open_at = models.DateTimeField(_("venta desde"), default=timezone.now)
    sales_close_at = models.DateTimeField(
        _("venta hasta"), null=True, blank=True, help_text=_("vacío: hasta el comienzo")
    )
    hold_minutes = models.PositiveSmallIntegerField(_("minutos para pagar"), default=10)
    status = models.CharField(_("estado"), max_length=10, choices=Status.choices, default=Status.DRAFT)
    created_at = models.DateTimeField(_("creado"), auto_now_add=True)

    class Meta:
        verbose_name = _("evento")
        verbose_name_plural = _("eventos")
        ordering = ["starts_at", "id"]
        permissions = [("cancel_event", _("Puede cancelar un evento")), ("block_seats", _("Puede bloquear asientos"))]

    def __str__(self) -> str:
        return self.name

    def closes_at(self) -> datetime:
        return self.sales_close_at or self.starts_at

    def is_on_sale(self, now: datetime) -> bool:
        return self.status == self.Status.PUBLISHED and self.sales_open_at <= now < self.closes_at()


class EventSection(models.Model):
    event = models.ForeignKey(Event, models.CASCADE, related_name="sections", verbose_name=_("evento"))
    name = models.CharField(_("nombre"), max_length=60)
    rank = models.PositiveSmallIntegerField(_("orden"), default=0)
    price = models.DecimalField(_("precio"), max_digits=10, decimal_places=0)

    class Meta:
        verbose_name = _("sector del evento")
        verbose_name_plural = _("sectores del evento")
        ordering = ["rank", "id"]
        constraints = [
            models.UniqueConstraint(fields=["event", "name"], name="event_section_once"),
            models.CheckConstraint(condition=models.Q(price__gte=0), name="event_section_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.event} · {self.name}"


class Seat(models.Model):
    """A seat of one event. Its status changes only under its row lock (`reservations.locks`)."""

    class Status(models.TextChoices):
        AVAILABLE = "available", _("libre")
        RESERVED = "reserved", _("reservado")
        SOLD = "sold", _("vendido")
        BLOCKED = "blocked", _("bloqueado")

    event = models.ForeignKey(Event, models.CASCADE, related_name="seats", verbose_name=_("evento"))
    section = models.ForeignKey(EventSection, models.CASCADE, related_name="seats", verbose_name=_("sector"))
    label = models.CharField(_("asiento"), max_length=30)
    row = models.CharField(_("fila"), max_length=10)
    row_rank = models.PositiveSmallIntegerField()
    number = models.PositiveSmallIntegerField(_("número"))
    position = models.PositiveSmallIntegerField()
    x = models.FloatField()
    y = models.FloatField()
    # In no index: a change of status stays on its page (HOT); see docs/performance.md.
    status = models.CharField(_("estado"), max_length=10, choices=Status.choices, default=Status.AVAILABLE)

    class Meta:
        verbose_name = _("asiento")
        verbose_name_plural = _("asientos")
        # The order of the plan, in which they were copied. No join, so that a lock never takes more than seats.
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["event", "label"], name="seat_once_an_event"),
            models.CheckConstraint(
                condition=models.Q(status__in=["available", "reserved", "sold", "blocked"]), name="seat_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def public_status(self) -> str:
        """A seat that staff block shows as reserved to outside programs."""
        return self.Status.RESERVED if self.status == self.Status.BLOCKED else self.status
