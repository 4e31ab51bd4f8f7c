"""Counted attempts to log in."""

from django.db import models


class Attempts(models.Model):
    """How often somebody tried within a window of time; shared by all replicas of the site."""

    # What is limited and for whom, as a digest: no address and no name is kept here.
    key = models.CharField(max_length=64, unique=True)
    count = models.PositiveIntegerField(default=0)
    window_ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key[:8]} {self.count}"
