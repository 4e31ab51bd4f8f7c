"""The portal's database holds sessions and the last known catalogue, and refuses everything else."""

from typing import Any

from django.db.models import Model

OWN_APPS = {"sessions", "catalogue"}


class ForeignTable(RuntimeError):
    """A model that does not live in the portal's database was read or written."""


def _own(model: type[Model]) -> str:
    if model._meta.app_label not in OWN_APPS:
        raise ForeignTable(f"{model._meta.label} does not live in the portal's database; ask its site by its API")
    return "default"


class PortalRouter:
    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return _own(model)

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return _own(model)

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool:
        return {obj1._meta.app_label, obj2._meta.app_label} <= OWN_APPS

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "default" and app_label in OWN_APPS
