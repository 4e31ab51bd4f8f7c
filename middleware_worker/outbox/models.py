"""The outbox: what this site must tell the other one, written in the transaction that made it true."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class OutboxMessage(models.Model):
    """A message that leaves the outbox only when the other database has confirmed it."""

    class State(models.IntegerChoices):
        OPEN = 0, _("por confirmar")
        RECEIPTED = 1, _("confirmado")
        REJECTED = 2, _("rechazado")
        DISCARDED = 3, _("descartado")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    type = models.CharField(_("tipo"), max_length=40)
    aggregate = models.CharField(_("sobre"), max_length=128, db_index=True)
    payload = models.JSONField(_("contenido"))
    state = models.SmallIntegerField(_("estado"), choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(_("creado"), default=timezone.now)
    next_attempt_at = models.DateTimeField(_("próximo intento"), default=timezone.now)
    claimed_at = models.DateTimeField(_("tomado"), null=True, blank=True)
    published_at = models.DateTimeField(_("publicado"), null=True, blank=True)
    receipted_at = models.DateTimeField(_("confirmado a las"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("intentos"), default=0)
    last_error = models.TextField(_("último error"), blank=True)

    class Meta:
        verbose_name = _("mensaje por llevar")
        verbose_name_plural = _("mensajes por llevar")
        indexes = [models.Index(fields=["state", "next_attempt_at"], name="outbox_due")]

    def __str__(self) -> str:
        return f"{self.type} {self.aggregate}"

    def message(self) -> dict[str, object]:
        """The message as it travels."""
        return {**self.payload, "id": str(self.id), "type": self.type}


class Closure(models.Model):
    """At most one row; while it is there, callers are kept out (`closing`)."""

    since = models.DateTimeField(_("desde"), default=timezone.now)
    reason = models.CharField(_("motivo"), max_length=200)

    class Meta:
        verbose_name = _("cierre")
        verbose_name_plural = _("cierres")

    def __str__(self) -> str:
        return self.reason
