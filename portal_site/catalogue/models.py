"""What the portal last heard of the catalogue, shown with its age while the reservations site is down."""

from django.db import models


class Snapshot(models.Model):
    """An answer of the reservations site: `events` the list, `event:<id>` one event."""

    key = models.CharField(max_length=40, primary_key=True)
    data = models.JSONField()
    taken_at = models.DateTimeField()

    class Meta:
        verbose_name = "última información"
        verbose_name_plural = "última información"

    def __str__(self) -> str:
        return self.key
