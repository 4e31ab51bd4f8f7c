"""What every admin page of this site shares: reading from the primary, and who the actor is."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property


def actor(request: HttpRequest) -> str:
    """The name under which a staff member's writes are recorded."""
    return f"staff:{request.user.get_username()}"


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than anybody leafs: a list of millions costs what a list of thousands does."""

    MOST = 10_000

    @cached_property
    def counted(self) -> int:
        return int(self.object_list.order_by()[: self.MOST + 1].count())  # type: ignore[union-attr, attr-defined]

    @cached_property
    def count(self) -> int:  # type: ignore[override]
        return min(self.counted, self.MOST)

    @property
    def goes_on(self) -> bool:
        """Whether there is more than is counted."""
        return self.counted > self.MOST


class PrimaryAdmin(admin.ModelAdmin):
    """Staff see what they have just saved: never the replica, which may lag behind."""

    paginator = CappedPaginator
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).using("default")


class ReadOnlyAdmin(PrimaryAdmin):
    """A history: nobody adds, changes or deletes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows that can be looked at."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
