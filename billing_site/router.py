"""Everything on the primary; when it is down, a person's own tickets are read from the replica.

A read switches to the replica only inside `reading_own_tickets()`, which the selectors use after the
primary failed. Writes are never sent there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db.models import Model

_from_replica: ContextVar[bool] = ContextVar("from_replica", default=False)


@contextmanager
def from_replica() -> Iterator[None]:
    """Reads inside go to the replica."""
    token = _from_replica.set(True)
    try:
        yield
    finally:
        _from_replica.reset(token)


class BillingRouter:
    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        if _from_replica.get() and "replica" in settings.DATABASES:
            return "replica"
        return "default"

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return "default"

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "default"
