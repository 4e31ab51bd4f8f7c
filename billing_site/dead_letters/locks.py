"""Every row lock on dead letters. Taken alone, never together with an order's lock."""

from billing_site.dead_letters.models import DeadLetter


def letter(id: int) -> DeadLetter | None:
    """The dead letter, locked."""
    return DeadLetter.objects.select_for_update().filter(pk=id).first()
