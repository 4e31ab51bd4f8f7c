"""Fixtures of the billing site's tests. Secrets and databases come from the environment (deploy/local/check.py)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from billing_site.accounts import tokens
from billing_site.accounts.models import Person
from billing_site.payments.tests.fakes import FakeGateway
from billing_site.tickets import generations
from middleware_worker.contract import credentials
from middleware_worker.outbox import closing

KEYS = {
    name: f"a-key-of-{name}-for-tests-that-is-long-enough" for name in ("portal", "worker", "reservations", "stranger")
}


@pytest.fixture(autouse=True)
def _own_settings(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.SERVICE_KEYS = {name: [key] for name, key in KEYS.items()}
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.GATEWAY = "billing_site.payments.tests.fakes.the_gateway"
    settings.ALLOWED_HOSTS = ["testserver"]
    # Nobody answers there: no test waits for another program.
    settings.MIDDLEWARE_URL = settings.OTHER_SITE_URL = "http://127.0.0.1:9"
    # It reads the names of all static files for each client, and no test asks for one.
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]
    cache.clear()
    generations.forget()
    # Known to be open, so that no test sees a query more than another; who closes makes it look again.
    closing.forget()
    monkeypatch.setattr(closing._kept["default"], "until", float("inf"))
    yield
    generations.forget()


@pytest.fixture
def gateway(_own_settings: None) -> Iterator[FakeGateway]:
    """The gateway that payments of this test go to."""
    from billing_site.payments.tests import fakes

    fakes.the_gateway().reset()
    yield fakes.the_gateway()
    fakes.the_gateway().reset()


def service(name: str = "portal", header: str = "Authorization") -> dict[str, str]:
    """The header by which a program says who it is."""
    token = credentials.issue(caller=name, audience="billing", key=KEYS[name])
    return {header: f"Service {token}"}


@pytest.fixture
def as_service() -> Callable[..., dict[str, str]]:
    return service


@pytest.fixture
def api() -> Client:
    """A client that, like a browser elsewhere, brings nothing; errors come as answers."""
    return Client(raise_request_exception=False)


@pytest.fixture
def make_person(db: None) -> Callable[..., Person]:
    def make(rut: int, **fields: Any) -> Person:
        now = timezone.now()
        password = fields.pop("password", "una-clave-larga-9")
        given = {"email": f"p{rut}@example.cl", "registered_at": now, "email_confirmed_at": now, **fields}
        person, _ = Person.objects.update_or_create(rut=rut, defaults=given)
        person.set_password(password)
        person.save()
        return person

    return make


@pytest.fixture
def desk(client: Client, make_person: Callable[..., Person]) -> Callable[[str], Client]:
    """Logs a staff member of a role in; gives their client."""

    def log_in(role: str) -> Client:
        person = make_person(22_222_222, full_name="Bruno", is_staff=True)
        person.groups.set([Group.objects.get(name=role)])
        client.force_login(person)
        return client

    return log_in


@pytest.fixture
def guard(client: Client, make_person: Callable[..., Person]) -> Client:
    """Somebody who may let people in, logged in."""
    person = make_person(9_999_999, full_name="Pía Puerta", is_staff=True)
    person.groups.add(Group.objects.get(name="gate"))
    client.force_login(person)
    return client


def bearer(person: Person) -> dict[str, str]:
    """The header of a customer who has logged in."""
    return {"Authorization": f"Bearer {tokens.issue(person)}"}
