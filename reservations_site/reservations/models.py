"""Reservations: who holds which seats until when, and what billing has said of each ticket."""

import secrets

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from reservations_site.events.models import Event, Seat

# Crockford's base 32: no I, L, O, U, so that a code can be read aloud and typed.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_code() -> str:
    """A booking code such as TF-7K2M-9Q4D-XR3B: 60 random bits. Who knows it has proven the claim."""
    bits = secrets.randbits(60)
    code = "".join([ALPHABET[bits >> shift & 31] for shift in range(0, 60, 5)])
    return f"TF-{code[:4]}-{code[4:8]}-{code[8:]}"


class Reservation(models.Model):
    """What one buyer took in one call. Its seats are its lines."""

    code = models.CharField(_("código"), max_length=20, unique=True, default=new_code)
    event = models.ForeignKey(Event, models.PROTECT, related_name="reservations", verbose_name=_("evento"))
    rut = models.PositiveIntegerField(_("RUT"), db_index=True)
    name = models.CharField(_("nombre"), max_length=200, blank=True)
    email = models.EmailField(_("correo"), blank=True)
    caller = models.CharField(_("canal"), max_length=60)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    request_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(_("creada"), default=timezone.now)
    expires_at = models.DateTimeField(_("vence"))
    # When billing was asked to end it, and why; only billing's answer frees the seats.
    asked_at = models.DateTimeField(_("cancelación pedida"), null=True, blank=True)
    ask_reason = models.CharField(_("motivo"), max_length=30, blank=True)

    class Meta:
        verbose_name = _("reserva")
        verbose_name_plural = _("reservas")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["caller", "idempotency_key"], name="idempotency_key_once_a_caller")
        ]
        permissions = [
            ("cancel_reservation", _("Puede cancelar reservas")),
            ("export_lists", _("Puede descargar listas")),
            ("export_personal_data", _("Puede descargar listas con datos personales")),
        ]

    def __str__(self) -> str:
        return self.code


class Line(models.Model):
    """One seat of a reservation, and its ticket in billing."""

    class Status(models.TextChoices):
        HELD = "held", _("por pagar")
        CONFIRMED = "confirmed", _("confirmada")
        RELEASED = "released", _("liberada")

    LIVE = (Status.HELD, Status.CONFIRMED)

    reservation = models.ForeignKey(Reservation, models.CASCADE, related_name="lines", verbose_name=_("reserva"))
    seat = models.ForeignKey(Seat, models.PROTECT, related_name="lines", verbose_name=_("asiento"))
    ticket_id = models.CharField(_("boleto"), max_length=64, unique=True)
    price = models.DecimalField(_("precio"), max_digits=10, decimal_places=0)
    status = models.CharField(_("estado"), max_length=10, choices=Status.choices, default=Status.HELD)
    ticket_status = models.CharField(_("estado del boleto"), max_length=20, blank=True)
    # The newest version that billing has told; older ones do nothing.
    generation = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(_("cambió"), default=timezone.now)

    class Meta:
        verbose_name = _("asiento reservado")
        verbose_name_plural = _("asientos reservados")
        ordering = ["id"]
        constraints = [
            # The last word: whatever the code does, a seat has one live reservation.
            models.UniqueConstraint(
                fields=["seat"], condition=Q(status__in=["held", "confirmed"]), name="one_live_line_a_seat"
            ),
            models.CheckConstraint(condition=Q(status__in=["held", "confirmed", "released"]), name="line_status_known"),
            models.CheckConstraint(condition=Q(price__gte=0), name="line_price_not_negative"),
        ]
        # What is not paid yet is little, however long the history grows: the search for holds that ran out
        # begins here.
        indexes = [models.Index(fields=["reservation"], condition=Q(status="held"), name="line_unpaid")]

    def __str__(self) -> str:
        return f"{self.reservation_id} {self.seat_id}"


class AuditEntry(models.Model):
    """Who did what to a reservation or a seat; written in the transaction that did it, never changed."""

    at = models.DateTimeField(_("cuándo"), default=timezone.now, db_index=True)
    by = models.CharField(_("quién"), max_length=120)
    action = models.CharField(_("qué"), max_length=40)
    reservation = models.ForeignKey(
        Reservation, models.PROTECT, null=True, blank=True, related_name="audit", verbose_name=_("reserva")
    )
    event = models.ForeignKey(
        Event, models.PROTECT, null=True, blank=True, related_name="audit", verbose_name=_("evento")
    )
    detail = models.JSONField(_("detalle"), default=dict)

    class Meta:
        verbose_name = _("registro de auditoría")
        verbose_name_plural = _("auditoría")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.by} {self.action}"
