"""Every row lock on people. An order's lock, where both are needed, is taken first (see docs/locking.md)."""

from billing_site.accounts.models import Attempts, Person, Registration


def person(rut: int) -> Person | None:
    """The person, locked; None when nobody has brought this RUT yet."""
    return Person.objects.select_for_update().filter(rut=rut).first()


def registration(token_digest: str) -> Registration | None:
    """The registration of a mailed link, locked."""
    return Registration.objects.select_for_update().filter(token_digest=token_digest).first()


def attempts(key: str) -> Attempts | None:
    """The counter with this key, locked; None when nothing was counted yet."""
    return Attempts.objects.select_for_update().filter(key=key).first()
