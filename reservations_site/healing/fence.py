"""The oldest generation of billing's words that still counts."""

from middleware_worker.outbox.transactions import retrying
from reservations_site.healing.models import Fence
from reservations_site.reservations import locks


def lowest() -> int:
    """In the caller's transaction; while it runs the fence does not move."""
    locks.fence_stands()
    return Fence.objects.filter(pk=1).values_list("generation", flat=True).first() or 0


@retrying
def raise_to(generation: int) -> int:
    """Words of an older generation do nothing from here on; the fence after it. It never falls.

    Returns when nobody is applying such a word any more, so that what is read after it stays true.
    """
    locks.move_fence()
    fence, _made = Fence.objects.get_or_create(pk=1)
    if generation > fence.generation:
        fence.generation = generation
        fence.save(update_fields=["generation"])
    return fence.generation
