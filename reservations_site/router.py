"""Which database answers what: the catalogue may come from the replica, everything else from the primary."""

from typing import Any

from django.conf import settings
from django.db.models import Model

# A seat's status is never read from a replica: availability is decided on the primary alone.
CATALOGUE = {"venues.venue", "venues.section", "venues.planseat", "events.event", "events.eventsection"}


class ReservationsRouter:
    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        """The replica for venues and events, unless an object from the primary is being followed."""
        instance = hints.get("instance")
        if instance is not None and instance._state.db == "default":
            return "default"
        if model._meta.label_lower in CATALOGUE and "replica" in settings.DATABASES:
            return "replica"
        return "default"

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return "default"

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "default"
