"""Outside messages that could not be used, with the reason; nothing is thrown away unseen."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class DeadLetter(models.Model):
    class Status(models.TextChoices):
        OPEN = "open", _("por revisar")
        REPLAYED = "replayed", _("reenviado")
        DISCARDED = "discarded", _("descartado")

    # sha256 of delivery id and body: the same dead letter that is carried twice is stored once.
    digest = models.CharField(max_length=64, unique=True)
    queue = models.CharField(_("cola"), max_length=60)
    code = models.CharField(_("código"), max_length=40)
    reason = models.TextField(_("motivo"))
    # At most 64 KiB of the body; `size` is what it had, in bytes.
    body = models.BinaryField(_("contenido"))
    size = models.PositiveIntegerField(_("bytes"))
    received_at = models.DateTimeField(_("recibido"), default=timezone.now, db_index=True)
    status = models.CharField(_("estado"), max_length=10, choices=Status.choices, default=Status.OPEN, db_index=True)
    changed_at = models.DateTimeField(_("revisado"), null=True, blank=True)
    changed_by = models.CharField(_("revisado por"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("mensaje muerto")
        verbose_name_plural = _("mensajes muertos")
        ordering = ["-received_at"]

    def __str__(self) -> str:
        return f"{self.queue} {self.received_at:%Y-%m-%d %H:%M:%S}"
