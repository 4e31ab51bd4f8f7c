"""What the gates' devices did. A person who went in went in: nothing here is taken back or hidden."""

from django.db import models
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing_site.tickets.models import Ticket


class Entry(models.Model):
    """Somebody was let in by a device, with a network or without.

    With a network the server decided, so it is the ticket's admission. Without, the device decided by its
    list: `outcome` says what billing knew of the ticket when it heard of it, and all but IN is a conflict.
    """

    class Outcome(models.TextChoices):
        IN = "in", _("ingreso")
        DOUBLE = "double", _("entrada doble")
        REFUNDED = "refunded", _("reembolsado antes")
        NOT_PAID = "not_paid", _("sin pagar")
        EXPIRED = "expired", _("vencido")
        OTHER_EVENT = "other_event", _("de otro evento")
        UNKNOWN = "unknown", _("desconocido")

    # Made by the device before it asks or notes anything: the same entry that is sent twice is stored once.
    uuid = models.UUIDField(unique=True)
    ticket = models.ForeignKey(Ticket, models.PROTECT, null=True, blank=True, related_name="entries")
    # What the device named; all there is of a ticket that billing does not know.
    named = models.CharField(max_length=128)
    event = models.CharField(max_length=200)
    device = models.UUIDField()
    gate = models.CharField(max_length=60)
    # Who was logged in when it reached billing, and whom the device named when it happened.
    by = models.CharField(max_length=120)
    scanned_by = models.CharField(max_length=120, blank=True)
    # When it happened by billing's clock, and what the device's clock said.
    at = models.DateTimeField()
    scanned_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now, db_index=True)
    offline = models.BooleanField()
    # False: a good signature, but not on the device's list (sold after it was loaded).
    listed = models.BooleanField(default=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, db_index=True)
    # The last word of the database: of all entries of a ticket one is its admission.
    admitted_ticket = models.GeneratedField(
        expression=Case(When(Q(outcome="in"), then=F("ticket_id"))),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
        unique=True,
        null=True,
        editable=False,
    )

    class Meta:
        verbose_name = _("ingreso por una puerta")
        verbose_name_plural = _("ingresos por las puertas")
        ordering = ["-received_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["in", "double", "refunded", "not_paid", "expired", "other_event", "unknown"]),
                name="entry_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(ticket__isnull=False) | Q(outcome="unknown"), name="entry_without_ticket_is_unknown"
            ),
            models.CheckConstraint(condition=Q(offline=True) | Q(outcome="in"), name="entry_online_is_an_admission"),
        ]

    def __str__(self) -> str:
        return f"{self.named} {self.gate} {self.outcome}"
