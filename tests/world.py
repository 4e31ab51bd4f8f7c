"""The running system as its users and outside programs see it: one vocabulary for all tests from outside.

Everything here goes through HTTP, AMQP or a real signal to a real process; the databases are only looked at.
"""

import itertools
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import amqp
import requests
from kombu.utils.url import parse_url

from deploy.local.rabbitmq import OWN_VHOST
from deploy.local.servers import Servers
from deploy.local.stack import Stack
from middleware_worker.contract.credentials import ServiceAuth
from tests import invariants
from tests.invariants import Databases

# Test cards of the gateway simulator.
APPROVED = "4111111111111111"
DECLINED = "4000000000000002"
SLOW = "4000000000000259"
DIES_AFTER_CAPTURE = "4000000000000341"

# Deadlines stand here and nowhere else, generous: tests fail on what is wrong, not on what is slow.
CARRIED_WITHIN = 90.0
HEALED_WITHIN = 120.0

MAKE_EVENT = """
from datetime import timedelta
from django.utils import timezone
from reservations_site.events.models import Event, EventSection, Seat
from reservations_site.venues.models import Venue
venue, _ = Venue.objects.get_or_create(name="Recinto de prueba")
now = timezone.now()
event = Event.objects.create(venue=venue, name={name!r}, starts_at=now + timedelta(days=30),
                             sales_open_at=now - timedelta(days=1), hold_minutes={hold_minutes}, status="published")
section = EventSection.objects.create(event=event, name="Platea", price={price})
Seat.objects.bulk_create(
    Seat(event=event, section=section, label=f"{{chr(65 + row)}}-{{n}}", row=chr(65 + row), row_rank=row, number=n,
         position=n, x=n, y=row)
    for row in range({rows}) for n in range(1, {seats} + 1)
)
print("event", event.id)
"""

STAFF_RUT, STAFF_PASSWORD = "11.111.111-1", "a-password-of-the-tests"
MAKE_STAFF = f"""
from billing_site.accounts.models import Person
Person.objects.create_superuser(11111111, {STAFF_PASSWORD!r}, full_name="Equipo de prueba")
"""


class NotInTime(AssertionError):
    """Something that had to happen did not, within its deadline."""


def until(what: str, asked: Callable[[], Any], *, within: float = CARRIED_WITHIN, every: float = 0.1) -> Any:
    """The first truthy answer; NotInTime names what was waited for."""
    deadline = time.monotonic() + within
    while True:
        answer = asked()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {within:.0f} s: {what}")
        time.sleep(every)


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


class Site:
    """One program's HTTP API. An answer that is no JSON is a fault, whatever its status."""

    def __init__(self, url: str, auth: ServiceAuth | None = None) -> None:
        self.url = url
        self.session = requests.Session()
        # A connection that was kept may close just as the next request is sent on it: that is no fault of the system.
        self.session.headers["Connection"] = "close"
        self.session.auth = auth

    def call(self, method: str, path: str, body: Any = None, *, timeout: float = 30, **headers: str) -> Answer:
        """The answer; raises requests.RequestException when there is none."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found = self.session.request(method, self.url + path, json=body, headers=named, timeout=timeout)
        return Answer(found.status_code, found.json(), dict(found.headers))


class Staff:
    """A staff member logged in to billing's desk in a browser session."""

    def __init__(self, url: str, rut: str, password: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Connection"] = "close"
        page = self.session.get(f"{url}/admin/login/", timeout=30)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
        form = {"username": rut, "password": password, "csrfmiddlewaretoken": token, "next": "/admin/"}
        done = self.session.post(f"{url}/admin/login/", data=form, headers={"Referer": url}, timeout=30)
        assert "csrftoken" in str(self.session.cookies.keys()) or done.ok
        assert "/login/" not in done.url, "the staff log-in was refused"

    def call(self, path: str, body: dict[str, Any]) -> Answer:
        token = next(value for name, value in self.session.cookies.items() if "csrf" in name)
        headers = {"X-CSRFToken": token, "Referer": self.url}
        found = self.session.post(self.url + path, json=body, headers=headers, timeout=30)
        return Answer(found.status_code, found.json())

    def check_in(self, ticket: str, gate: str = "Norte") -> Answer:
        return self.call(f"/api/tickets/{ticket}/check-in", {"gate": gate})

    def refund(self, ticket: str, reason: str = "prueba") -> Answer:
        return self.call(f"/api/tickets/{ticket}/refund", {"reason": reason})


class World:
    """A stack on real servers, and everything a test does with it."""

    _ruts = itertools.count(15_000_000)

    def __init__(self, stack: Stack, servers: Servers) -> None:
        self.stack, self.servers = stack, servers
        self.secrets = stack.environments.secrets
        self.databases = Databases(
            stack.backends.reservations, stack.backends.billing, Path(stack.folder) / "data" / "gateway-ledger"
        )
        portal = self.secrets["PORTAL_SERVICE_KEY"]
        self.reservations = Site(stack.url("reservations"))
        self.billing = Site(stack.url("billing"), ServiceAuth(caller="portal", audience="billing", key=portal))
        seller = ServiceAuth(caller="seller", audience="middleware", key=self.secrets["SELLER_SERVICE_KEY"])
        self.middleware = Site(stack.url("middleware"), seller)
        operator = ServiceAuth(caller="operator", audience="middleware", key=self.secrets["OPERATOR_SERVICE_KEY"])
        self.operator = Site(stack.url("middleware"), operator)

    # What is there

    def make_event(
        self, *, seats: int, rows: int = 1, price: int = 10_000, hold_minutes: int = 60
    ) -> tuple[int, list[int]]:
        """A published event of `rows` × `seats`; its id and its seats' ids in order."""
        code = MAKE_EVENT.format(
            name=f"Prueba {uuid.uuid4().hex[:8]}", hold_minutes=hold_minutes, rows=rows, seats=seats, price=price
        )
        event = int(re.search(r"event (\d+)", self.stack.manage("reservations", "shell", "-v0", "-c", code))[1])
        found = self.reservations.call("GET", f"/api/events/{event}/seats").body["seats"]
        return event, sorted(seat["id"] for seat in found)

    def staff(self) -> Staff:
        return Staff(self.stack.url("billing"), STAFF_RUT, STAFF_PASSWORD)

    def new_rut(self) -> int:
        """A buyer whom no other test uses."""
        return next(self._ruts)

    # What people do

    def reserve(self, *seat_ids: int, rut: int | None = None, key: str | None = None, email: str = "") -> Answer:
        body: dict[str, Any] = {"seat_ids": list(seat_ids), "rut": rut or self.new_rut()}
        if email:
            body["email"] = email
        return self.reservations.call("POST", "/api/reservations", body, Idempotency_Key=key or uuid.uuid4().hex)

    def held(self, *seat_ids: int, **options: Any) -> dict[str, Any]:
        """A reservation that must succeed."""
        answer = self.reserve(*seat_ids, **options)
        assert answer.status == 201, answer.body
        return answer.body

    def cancel(self, code: str) -> Answer:
        return self.reservations.call("DELETE", f"/api/reservations/{code}")

    def pay(self, code: str, card: str = APPROVED, key: str | None = None) -> Answer:
        body = {"card_number": card, "card_expiry": "12/30", "card_cvv": "123"}
        return self.billing.call("POST", f"/api/orders/{code}/pay", body, Idempotency_Key=key or uuid.uuid4().hex)

    # What can be seen

    def order(self, code: str) -> dict[str, Any] | None:
        """Billing's order, None while it has not arrived."""
        answer = self.billing.call("GET", f"/api/orders/{code}")
        return answer.body if answer.status == 200 else None

    def arrived(self, code: str) -> dict[str, Any]:
        return until(f"order {code} in billing", lambda: self.order(code))

    def order_is(self, code: str, status: str) -> dict[str, Any]:
        def asked() -> dict[str, Any] | None:
            order = self.order(code)
            return order if order and order["status"] == status else None

        return until(f"order {code} is {status}", asked)

    def seat_status(self, event: int, seat: int) -> str:
        seats = self.reservations.call("GET", f"/api/events/{event}/seats").body["seats"]
        return next(found["status"] for found in seats if found["id"] == seat)

    def seat_is(self, event: int, seat: int, status: str) -> None:
        until(f"seat {seat} is {status}", lambda: self.seat_status(event, seat) == status)

    def paid(self, *seat_ids: int, **options: Any) -> dict[str, Any]:
        """An order that was reserved, has arrived and is paid."""
        code = self.held(*seat_ids, **options)["code"]
        self.arrived(code)
        answer = self.pay(code)
        assert answer.status == 200, answer.body
        return answer.body

    def at_rest(self, *, within: float = HEALED_WITHIN) -> None:
        """Waits until all has been carried, then every invariant must hold."""
        try:
            until("everything is carried", lambda: not invariants.unfinished(self.databases), within=within, every=0.3)
        except NotInTime as error:
            left = invariants.unfinished(self.databases)
            raise NotInTime(f"{error}; left: {left[:5]} ({len(left)})") from None
        broken = invariants.at_rest(self.databases)
        assert not broken, "\n".join(broken)

    # Faults

    @contextmanager
    def channel(self, vhost: str = "/") -> Iterator[amqp.Channel]:
        """A bare AMQP channel, as pika would give an outside program; it sees the sellers' virtual host."""
        parts = parse_url(self.servers.rabbitmq.url())
        host = f"{parts['hostname']}:{parts['port']}"
        with amqp.Connection(
            host, userid=parts["userid"], password=parts["password"], virtual_host=vhost
        ) as connection:
            yield connection.channel()

    def purge(self, queue: str) -> int:
        """Deletes what is in a queue; how many messages, counted by the queue itself."""
        with self.channel(OWN_VHOST) as found:
            return found.queue_purge(queue)

    def without(self, *programs: str) -> AbstractContextManager[None]:
        """The programs are stopped meanwhile."""
        return self.stack.without(*programs)

    def kill(self, program: str) -> int:
        """kill -9 of a real process; the supervisor starts it again. Its old pid."""
        return self.stack.supervisor.kill(program)
