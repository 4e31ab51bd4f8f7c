"""The row locks on counted attempts, in the order of their keys; no other lock is taken beside them."""

from reservations_site.logins.models import Attempts


def attempts(key: str) -> Attempts | None:
    """The counter with this key, locked; None when nothing was counted yet."""
    return Attempts.objects.select_for_update().filter(key=key).first()
