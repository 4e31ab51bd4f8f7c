"""Venues and their plans: sections, rows and numbered seats, with where each stands on the picture."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Venue(models.Model):
    name = models.CharField(_("nombre"), max_length=120, unique=True)
    address = models.CharField(_("dirección"), max_length=200, blank=True)
    city = models.CharField(_("ciudad"), max_length=80, blank=True)
    curved = models.BooleanField(_("filas en arco"), default=True)

    class Meta:
        verbose_name = _("recinto")
        verbose_name_plural = _("recintos")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Section(models.Model):
    """A part of a venue; its seats carry `prefix` before their row, "A-1" when there is none."""

    venue = models.ForeignKey(Venue, models.CASCADE, related_name="sections", verbose_name=_("recinto"))
    name = models.CharField(_("nombre"), max_length=60)
    prefix = models.CharField(_("prefijo"), max_length=10, blank=True)
    rank = models.PositiveSmallIntegerField(_("orden"), default=0)
    # The numbers that its seats were made from (`plans.SectionPlan`), so that the form shows them again.
    shape = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("sector")
        verbose_name_plural = _("sectores")
        ordering = ["rank", "id"]
        constraints = [models.UniqueConstraint(fields=["venue", "name"], name="section_once_a_venue")]

    def __str__(self) -> str:
        return self.name


class PlanSeat(models.Model):
    """A seat of the plan. `row_rank` counts rows from the stage; `position` counts places in the row, aisles
    included, so that neighbours are consecutive positions. `x`, `y` are in seat widths."""

    section = models.ForeignKey(Section, models.CASCADE, related_name="seats", verbose_name=_("sector"))
    label = models.CharField(_("asiento"), max_length=30)
    row = models.CharField(_("fila"), max_length=10)
    row_rank = models.PositiveSmallIntegerField()
    number = models.PositiveSmallIntegerField(_("número"))
    position = models.PositiveSmallIntegerField()
    x = models.FloatField()
    y = models.FloatField()

    class Meta:
        verbose_name = _("asiento del plano")
        verbose_name_plural = _("asientos del plano")
        ordering = ["section", "row_rank", "position"]
        constraints = [models.UniqueConstraint(fields=["section", "row", "number"], name="plan_seat_once")]

    def __str__(self) -> str:
        return self.label
