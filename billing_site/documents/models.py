"""What is issued after payment: one PDF a ticket, and mails."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing_site.accounts.models import Person
from billing_site.tickets.models import Order, Ticket


class Document(models.Model):
    """A ticket's PDF; `pdf` is empty while it is in preparation."""

    ticket = models.OneToOneField(Ticket, models.PROTECT, related_name="document", verbose_name=_("boleto"))
    pdf = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(_("pedido"), default=timezone.now)
    ready_at = models.DateTimeField(_("listo"), null=True, blank=True, db_index=True)
    tries = models.PositiveIntegerField(_("intentos"), default=0)
    # While a process renders it, also the moment when another one may take it over.
    next_try_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(_("error"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("documento")
        verbose_name_plural = _("documentos")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return str(self.ticket_id)


class Mail(models.Model):
    """A mail that must go out. Its Message-ID follows from `key`, so that a copy can be known as one."""

    class Status(models.TextChoices):
        DUE = "due", _("pendiente")
        SENDING = "sending", _("enviando")
        SENT = "sent", _("enviado")
        FAILED = "failed", _("no se pudo")
        # Nothing is left to tell: every ticket was refunded before the mail went out.
        OBSOLETE = "obsolete", _("ya no corresponde")

    key = models.CharField(_("clave"), max_length=200, unique=True)
    kind = models.CharField(_("tipo"), max_length=30)
    to = models.EmailField(_("para"))
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, blank=True, related_name="mails", verbose_name=_("orden")
    )
    person = models.ForeignKey(
        Person, models.PROTECT, null=True, blank=True, related_name="mails", verbose_name=_("persona")
    )
    context = models.JSONField(default=dict, blank=True)
    status = models.CharField(_("estado"), max_length=10, choices=Status.choices, default=Status.DUE, db_index=True)
    tries = models.PositiveIntegerField(_("intentos"), default=0)
    created_at = models.DateTimeField(_("pedido"), default=timezone.now)
    # While `sending`, the moment when the sender is taken for dead and the mail goes out again.
    next_try_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(_("enviado"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("mensaje de correo")
        verbose_name_plural = _("mensajes de correo")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.key
