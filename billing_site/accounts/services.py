"""Accounts: asking for one, confirming it, logging in, a new password, and what staff do at the desk.

Whoever is asked for by address or RUT, the answer is the same whether there is an account or not; what
there is to say goes to the mailbox.
"""

from datetime import timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import get_language

from billing_site.accounts import claims, limits, locks, tokens
from billing_site.accounts.limits import Rule
from billing_site.accounts.models import Person, Registration
from billing_site.documents.services import queue_mail
from billing_site.tickets import audit
from billing_site.tickets import locks as ticket_locks
from billing_site.tickets.models import Order
from middleware_worker.outbox.transactions import retrying


class WrongCredentials(Exception):
    """Unknown person or wrong password: which of the two is not said."""


class WeakPassword(Exception):
    """The password is not good enough; `sentences` say why."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


class RutTaken(Exception):
    """Another account has this RUT and this one proved no more than it: staff decide by identity card."""


class EmailTaken(Exception):
    """Another person's account has this address."""


class LinkUsedOrOld(Exception):
    """The mailed link was used, is too old, or is none of ours."""


def normal_email(text: str) -> str:
    """An address as it is stored and compared: byte by byte, in lower case."""
    return text.strip().lower()


@retrying
def register(*, rut: int, full_name: str, email: str, password: str, code: str = "", by: str) -> None:
    """Mails a link that opens the account; nothing is occupied before it is followed. Raises WeakPassword."""
    email = normal_email(email)
    _validate(password, Person(rut=rut, full_name=full_name, email=email))
    encoded = make_password(password)
    if Person.objects.filter(email=email, email_confirmed_at__isnull=False).exists():
        mail_person("already_registered", key=f"already:{email}:{hour()}", to=email)
        return
    token = tokens.new_link_token()
    row = Registration.objects.create(
        token_digest=tokens.digest(token),
        rut=rut,
        full_name=full_name[:200],
        email=email,
        password=encoded,
        code=claims.as_stored(code)[:128] if code else "",
    )
    audit.record("registration.asked", by=by, detail={"rut": rut})
    mail_person("registration", key=f"registration:{row.pk}", to=email, token=token)


@retrying
def confirm(*, token: str, by: str) -> Person:
    """The person whose account the mailed link opens; the booking code that came with it is claimed.

    An account that proved nothing yields to one that brings proof. Raises LinkUsedOrOld, RutTaken, EmailTaken.
    """
    found = Registration.objects.filter(token_digest=tokens.digest(token)).first()
    if found is None:
        raise LinkUsedOrOld
    # The order before the person: see docs/locking.md.
    order = ticket_locks.order_by_code(found.code) if found.code else None
    proof = order if order is not None and order.person_id == found.rut else None
    if not Person.objects.filter(rut=found.rut).exists():
        Person.objects.bulk_create([Person(rut=found.rut, password=None)], ignore_conflicts=True)
    person = locks.person(found.rut)
    row = locks.registration(found.token_digest)
    age = timezone.now() - found.created_at
    if person is None or row is None or row.used_at or age.total_seconds() > tokens.CONFIRM_SECONDS:
        raise LinkUsedOrOld
    _may_open(person, row, proof)
    if Person.objects.filter(email=row.email).exclude(rut=row.rut).exists():
        raise EmailTaken
    if person.registered_at:
        audit.record("account.yielded", by=by, person=person, detail={"email": person.email})
    now = timezone.now()
    person.full_name, person.email, person.password = row.full_name, row.email, row.password
    person.registered_at = person.email_confirmed_at = now
    person.save(update_fields=["full_name", "email", "password", "registered_at", "email_confirmed_at"])
    row.used_at = now
    row.password = ""
    row.save(update_fields=["used_at", "password"])
    audit.record("account.opened", by=by, person=person, order=proof)
    if proof is not None:
        claims.note_proof(order=proof, person=person, by=by)
    return person


def _may_open(person: Person, row: Registration, proof: Order | None) -> None:
    """Raises RutTaken when an account of this RUT need not yield to the registration."""
    if person.is_placeholder:
        if person.password:
            # Staff made this account at the desk: nobody takes it over by mail.
            raise RutTaken
        return
    is_proven = proof is not None or Order.objects.filter(person=person, email=row.email).exists()
    if person.is_staff or not is_proven or claims.has_proof(person):
        raise RutTaken


def log_in(*, rut: int | None, email: str, password: str, address: str) -> Person:
    """The person, when the password is theirs. Raises WrongCredentials or limits.TooMany.

    Takes as long for an unknown person as for a wrong password.
    """
    email = normal_email(email)
    who = f"rut:{rut}" if rut is not None else f"email:{email}"
    rules = login_rules(who, address)
    limits.check(*rules)
    condition = {"rut": rut} if rut is not None else {"email": email}
    person = Person.objects.filter(is_active=True, registered_at__isnull=False, **condition).first()
    if person is None or not person.password:
        make_password(password)
        good = False
    else:
        good = check_password(password, person.password)
    if person is None or not good:
        limits.count(*rules)
        raise WrongCredentials
    limits.forget(rules[0])
    Person.objects.filter(rut=person.rut).update(last_login=timezone.now())
    return person


def login_rules(who: str, address: str) -> tuple[Rule, Rule, Rule]:
    """The limits of a login: the pair first, which a success starts anew."""
    return (
        Rule("login-pair", f"{who}\n{address}", limits.LOGIN_PAIR),
        Rule("login-address", address, limits.LOGIN_ADDRESS),
        Rule("login-user", who, limits.LOGIN_USER),
    )


@retrying
def forgot_password(*, email: str) -> None:
    """Mails a link to choose a new password, when the address is a person's confirmed one."""
    person = Person.objects.filter(email=normal_email(email), email_confirmed_at__isnull=False, is_active=True).first()
    if person is not None and person.email:
        _mail_reset(person)


@retrying
def reset_password(*, token: str, password: str, by: str) -> Person:
    """The person, with a new password; tokens and links from before have ended.

    The link reached the mailbox, so the address is confirmed. Raises LinkUsedOrOld, WeakPassword.
    """
    try:
        claimed = tokens.read_reset(token)
    except tokens.InvalidToken as error:
        raise LinkUsedOrOld from error
    person = locks.person(claimed["rut"])
    if person is None or not person.is_active or not tokens.resets(claimed, person):
        raise LinkUsedOrOld
    _validate(password, person)
    now = timezone.now()
    person.set_password(password)
    person.registered_at = person.registered_at or now
    person.email_confirmed_at = person.email_confirmed_at or now
    person.save(update_fields=["password", "registered_at", "email_confirmed_at"])
    audit.record("password.reset", by=by, person=person)
    return person


@retrying
def verify_person(*, person: Person, by: str) -> Person:
    """The person, who showed an identity card to staff: from now on they see every ticket of their RUT."""
    row = locks.person(person.rut)
    if row is None:
        raise Person.DoesNotExist
    if row.verified_at is None:
        row.verified_at, row.verified_by = timezone.now(), by[:120]
        row.save(update_fields=["verified_at", "verified_by"])
        audit.record("person.verified", by=by, person=row, reason="identity card")
    return row


@retrying
def hand_over(*, person: Person, email: str, by: str) -> Person:
    """The account, given to whoever showed the identity card of its RUT; they get a link to choose a password.

    The former holder is out at once, and what they had claimed is not theirs any more. Raises EmailTaken.
    """
    email = normal_email(email)
    orders = ticket_locks.orders_of(person)
    row = locks.person(person.rut)
    if row is None:
        raise Person.DoesNotExist
    if Person.objects.filter(email=email).exclude(rut=row.rut).exists():
        raise EmailTaken
    audit.record("account.handed_over", by=by, person=row, reason="identity card", detail={"email": row.email})
    now = timezone.now()
    row.email, row.email_confirmed_at, row.full_name = email, None, ""
    row.verified_at, row.verified_by = now, by[:120]
    row.registered_at = row.registered_at or now
    row.set_unusable_password()
    row.save(
        update_fields=[
            "email", "email_confirmed_at", "full_name", "verified_at", "verified_by", "registered_at", "password",
        ]
    )  # fmt: skip
    Order.objects.filter(id__in=[order.pk for order in orders]).update(claimed_at=None)
    _mail_reset(row)
    return row


def prune_registrations() -> int:
    """Deletes registrations that were never confirmed, a week after; how many."""
    return Registration.objects.filter(created_at__lt=timezone.now() - timedelta(days=7)).delete()[0]


def _mail_reset(person: Person) -> None:
    token = tokens.issue_reset(person)
    key = f"reset:{person.rut}:{tokens.digest(token)[:16]}"
    mail_person("password_reset", key=key, to=person.email or "", person=person, token=token)


def mail_person(kind: str, *, key: str, to: str, person: Person | None = None, **context: str) -> None:
    """Queues a mail about an account, in the language that is asked in."""
    language = get_language() or "es-cl"
    queue_mail(kind=kind, key=key[:200], to=to, person=person, context={"language": language, **context})


def hour() -> str:
    """What limits a mail to one an hour, as part of its key."""
    return timezone.now().strftime("%Y%m%d%H")


def _validate(password: str, person: Person) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise WeakPassword(error.messages) from error
