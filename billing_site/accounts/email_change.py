"""A new address for an account: asked for with the password, taken when the link mailed to it is followed."""

from django.contrib.auth.hashers import check_password
from django.db import IntegrityError
from django.utils import timezone

from billing_site.accounts import limits, locks, services, tokens
from billing_site.accounts.models import Person
from billing_site.tickets import audit
from billing_site.tickets import locks as ticket_locks
from billing_site.tickets.models import Order
from middleware_worker.outbox.transactions import retrying


class SameAddress(Exception):
    """The account has this address already."""


def ask(*, person: Person, email: str, password: str, address: str, by: str) -> None:
    """Mails the new address a link; until it is followed nothing changes.

    An address that another account has is told so itself; the answer is the same. Raises SameAddress,
    services.WrongCredentials or limits.TooMany.
    """
    email = services.normal_email(email)
    if email == person.email:
        raise SameAddress
    rules = services.login_rules(f"rut:{person.rut}", address)
    limits.check(*rules)
    if not check_password(password, person.password or ""):
        limits.count(*rules)
        raise services.WrongCredentials
    limits.forget(rules[0])
    _mail_link(person, email, by=by)


@retrying
def confirm(*, token: str, by: str) -> Person:
    """The person, with the new address; the old one is told. What the old one had proven stays proven.

    Raises services.LinkUsedOrOld, services.EmailTaken.
    """
    try:
        claimed = tokens.read_email_change(token)
    except tokens.InvalidToken as error:
        raise services.LinkUsedOrOld from error
    # The orders before the person: see docs/locking.md.
    orders = ticket_locks.orders_of(Person(rut=claimed["rut"]))
    person = locks.person(claimed["rut"])
    if person is None or not person.is_active or not tokens.resets(claimed, person):
        raise services.LinkUsedOrOld
    old, new, now = person.email, claimed["new"], timezone.now()
    if Person.objects.filter(email=new).exclude(rut=person.rut).exists():
        raise services.EmailTaken
    proven = [order.pk for order in orders if order.email == old and not order.claimed_at]
    if old and proven and person.email_confirmed_at:
        Order.objects.filter(pk__in=proven).update(claimed_at=now)
    person.email, person.email_confirmed_at = new, now
    try:
        person.save(update_fields=["email", "email_confirmed_at"])
    except IntegrityError as error:
        raise services.EmailTaken from error
    audit.record("account.email_changed", by=by, person=person, detail={"from": old, "to": new})
    if old:
        key = f"email-changed:{person.rut}:{tokens.digest(token)[:16]}"
        services.mail_person("email_changed", key=key, to=old, person=person, email=masked(new))
    return person


def masked(email: str) -> str:
    """Enough of an address to know one's own: «a•••@example.cl»."""
    name, _at, domain = email.rpartition("@")
    return f"{name[:1]}•••@{domain}"


@retrying
def _mail_link(person: Person, email: str, *, by: str) -> None:
    if Person.objects.filter(email=email, email_confirmed_at__isnull=False).exists():
        services.mail_person("already_registered", key=f"already:{email}:{services.hour()}", to=email)
        return
    token = tokens.issue_email_change(person, email)
    audit.record("account.email_asked", by=by, person=person, detail={"to": email})
    key = f"email-change:{person.rut}:{tokens.digest(token)[:16]}"
    services.mail_person("email_change", key=key, to=email, person=person, token=token)
