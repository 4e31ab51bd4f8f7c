"""What a healed billing has asked to be kept out."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Fence(models.Model):
    """One row: billing's words of an older generation do nothing. They come from a primary that is lost.

    Without it such a word, late on its way, could free a seat whose ticket the healed billing has sold since.
    """

    generation = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("generación mínima")
        verbose_name_plural = _("generaciones mínimas")

    def __str__(self) -> str:
        return str(self.generation)
