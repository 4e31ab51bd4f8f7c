"""People, keyed by RUT: placeholders that a ticket named, registered customers, and staff."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from middleware_worker.contract.rut import MAX_RUT, MIN_RUT, format_rut


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, rut: int, password: str | None = None, **fields: Any) -> "Person":
        person = self.model(rut=rut, **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, rut: int, password: str | None = None, **fields: Any) -> "Person":
        return self.create_user(rut, password, is_staff=True, is_superuser=True, **fields)


class Person(AbstractBaseUser, PermissionsMixin):
    """A person; without `registered_at` a placeholder that nobody has claimed.

    Equality of RUT alone gives nobody access: see docs/decisions on claims.
    """

    rut = models.PositiveIntegerField(_("RUT"), primary_key=True)
    full_name = models.CharField(_("nombre"), max_length=200, blank=True)
    email = models.EmailField(_("correo"), unique=True, null=True, blank=True)
    # Empty for a placeholder, who cannot log in.
    password = models.CharField(  # type: ignore[assignment]
        _("contraseña"), max_length=128, null=True, blank=True
    )
    is_staff = models.BooleanField(_("es del equipo"), default=False)
    is_active = models.BooleanField(_("activa"), default=True)
    created_at = models.DateTimeField(_("creada"), auto_now_add=True)
    registered_at = models.DateTimeField(_("registrada"), null=True, blank=True)
    email_confirmed_at = models.DateTimeField(_("correo confirmado"), null=True, blank=True)
    verified_at = models.DateTimeField(_("identidad verificada"), null=True, blank=True)
    verified_by = models.CharField(_("verificada por"), max_length=120, blank=True)

    objects: ClassVar[PersonManager] = PersonManager()
    USERNAME_FIELD = "rut"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "user"
        verbose_name = _("persona")
        verbose_name_plural = _("personas")
        constraints = [
            models.CheckConstraint(condition=models.Q(rut__gte=MIN_RUT, rut__lte=MAX_RUT), name="rut_in_range"),
        ]
        permissions = [("verify_person", _("Puede verificar la identidad de una persona"))]

    def __str__(self) -> str:
        return f"{self.full_name} ({self.rut_display})" if self.full_name else self.rut_display

    @property
    def rut_display(self) -> str:
        return format_rut(self.rut)

    @property
    def is_placeholder(self) -> bool:
        return self.registered_at is None

    def get_full_name(self) -> str:
        return self.full_name or self.rut_display


class Registration(models.Model):
    """Somebody asks for an account; it becomes one when the mailed link is followed, and not before.

    So neither a RUT nor an address can be occupied by someone who does not read that mailbox.
    """

    # sha256 of the token in the mailed link.
    token_digest = models.CharField(max_length=64, unique=True)
    rut = models.PositiveIntegerField(_("RUT"))
    full_name = models.CharField(_("nombre"), max_length=200)
    email = models.EmailField(_("correo"))
    password = models.CharField(max_length=128)
    # The booking code that came with it; proof of one order, checked when the link is followed.
    code = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(_("pedida"), default=timezone.now, db_index=True)
    used_at = models.DateTimeField(_("confirmada"), null=True, blank=True)

    class Meta:
        verbose_name = _("registro por confirmar")
        verbose_name_plural = _("registros por confirmar")

    def __str__(self) -> str:
        return format_rut(self.rut)


class Attempts(models.Model):
    """How often somebody tried something within a window of time; shared by all replicas of the site."""

    # What is limited and for whom, as a digest: no address and no mail is kept here.
    key = models.CharField(max_length=64, unique=True)
    count = models.PositiveIntegerField(default=0)
    window_ends_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("intentos contados")
        verbose_name_plural = _("intentos contados")

    def __str__(self) -> str:
        return f"{self.key[:8]} {self.count}"
