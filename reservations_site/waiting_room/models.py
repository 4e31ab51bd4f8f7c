"""A room in front of a sale, and the places of those who wait in it."""

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from reservations_site.events.models import Event


def within(least: int, most: int) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(least), MaxValueValidator(most)]


class Room(models.Model):
    """Staff's settings, and below them the counters, which change under the row's lock alone (`doorkeeper`)."""

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, related_name="room", verbose_name=_("evento"))
    in_use = models.BooleanField(_("en uso"), default=True)
    opens_at = models.DateTimeField(_("abre"))
    rate = models.PositiveIntegerField(_("personas que entran por minuto"), default=60, validators=within(1, 6000))
    minutes = models.PositiveSmallIntegerField(_("minutos adentro"), default=10, validators=within(1, 120))
    purchases = models.PositiveSmallIntegerField(_("compras por turno"), default=2, validators=within(1, 20))
    is_paused = models.BooleanField(_("en pausa"), default=False)
    # Places are numbered from 1 without gaps; those up to `door` have been let in.
    last_number = models.PositiveIntegerField(default=0)
    door = models.PositiveIntegerField(default=0)
    # Who came before the opening, and has no number yet.
    early = models.PositiveIntegerField(default=0)
    # What the pace owes: fractions of a person that were not let in yet.
    credit = models.FloatField(default=0)
    ticked_at = models.DateTimeField(db_default=Now())
    # With the seed anybody can repeat the draw; nobody knows it before the opening.
    drawn_at = models.DateTimeField(null=True, blank=True)
    seed = models.CharField(max_length=64, blank=True, default="")
    is_sold_out = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("sala de espera")
        verbose_name_plural = _("salas de espera")
        constraints = [
            models.CheckConstraint(condition=Q(door__lte=models.F("last_number")), name="room_door_within_numbers"),
            models.CheckConstraint(condition=Q(rate__gte=1), name="room_rate_positive"),
        ]

    def __str__(self) -> str:
        return str(self.event)

    def opening(self) -> datetime:
        """Nobody is let in to a sale that has not begun."""
        return max(self.opens_at, self.event.sales_open_at)

    def is_over(self, now: datetime) -> bool:
        return self.event.status != Event.Status.PUBLISHED or now >= self.event.closes_at()


class Place(models.Model):
    """One browser's place in one room. `browser` is a digest of a secret that only that browser has."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="places")
    # Null once the buyer has been in and stands in line again.
    browser = models.CharField(max_length=32, null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    number = models.PositiveIntegerField(null=True, blank=True)
    let_in_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # Whose holds this admission is for: the first RUT that reserves with it.
    rut = models.PositiveIntegerField(null=True, blank=True)
    uses = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "browser"], name="one_place_a_browser"),
            models.UniqueConstraint(fields=["room", "number"], name="one_place_a_number"),
            models.CheckConstraint(condition=Q(let_in_at=None) | Q(number__gt=0), name="let_in_by_number"),
        ]
        indexes = [models.Index(fields=["room"], condition=Q(number=None), name="place_without_number")]

    def __str__(self) -> str:
        return f"{self.room_id} {self.number}"
