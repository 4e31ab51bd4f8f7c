"""With the primary dead: own tickets are still read, from the replica, and writes are refused with 503."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection, connections
from django.test import Client

from billing_site.accounts.models import Person
from billing_site.conftest import KEYS, bearer, service
from billing_site.router import BillingRouter, from_replica
from billing_site.tickets.models import Order, Ticket
from billing_site.tickets.tests.factories import RUT, arrived_order, outside_message, tickets_of
from middleware_worker.outbox.databases import database


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(site.DATABASES, "replica", site.DATABASES["default"])


class TestRouter:
    router = BillingRouter()

    def test_everything_is_on_the_primary(self, replica: None) -> None:
        assert self.router.db_for_read(Ticket) == self.router.db_for_write(Ticket) == "default"

    def test_reads_go_to_the_replica_only_where_it_is_asked_for(self, replica: None) -> None:
        with from_replica():
            assert self.router.db_for_read(Ticket) == "replica"
            assert self.router.db_for_write(Ticket) == "default"
        assert self.router.db_for_read(Ticket) == "default"

    def test_without_a_replica_there_is_only_the_primary(self) -> None:
        with from_replica():
            assert self.router.db_for_read(Ticket) == "default"

    def test_only_the_primary_is_migrated(self) -> None:
        assert self.router.allow_migrate("default", "tickets")
        assert not self.router.allow_migrate("replica", "tickets")

    def test_rows_of_both_may_be_related(self) -> None:
        assert self.router.allow_relation(Order(), Ticket())


def dead_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


PROGRAM = """
import json, sys
import django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False)
for method, path, headers, body in json.load(sys.stdin):
    response = client.generic(method, path, json.dumps(body), content_type="application/json", headers=headers)
    print(json.dumps([response.status_code, dict(response.headers), response.content.decode()]))
"""


@pytest.mark.django_db(transaction=True)
def test_with_a_dead_primary_own_tickets_are_read_and_writes_are_refused(
    make_person: Callable[..., Person],
) -> None:
    """The site is started anew, with a primary's port that is closed and this test's database for a replica."""
    if connection.vendor == "sqlite":
        # There is no server that could die.
        return
    order = arrived_order(email="ana@example.cl")
    person = make_person(RUT, email="ana@example.cl")
    ticket = tickets_of(order)[0].external_id
    card = {"card_number": "4111111111111111"}
    calls: list[tuple[str, str, dict[str, str], Any]] = [
        ("GET", "/health", {}, None),
        ("GET", "/api/tickets", bearer(person), None),
        ("GET", f"/api/tickets/{ticket}", bearer(person), None),
        ("GET", f"/api/orders/{order.code}", service(), None),
        ("GET", "/api/tickets/no-such", bearer(person), None),
        ("POST", f"/api/orders/{order.code}/pay", service(), card),
        ("POST", f"/api/tickets/{ticket}/refund", bearer(person), None),
        ("POST", "/api/internal/messages", service("worker"), {"messages": [outside_message()]}),
        ("GET", "/api/me", bearer(person), None),
        ("GET", "/admin/", {"Cookie": "billing_session=abcdefghijklmnopqrstuvwxyz012345"}, None),
    ]
    used = connections["default"].settings_dict
    address = f"{used['USER']}:{used['PASSWORD']}@{used['HOST'] or '127.0.0.1'}:{used['PORT'] or 3306}"
    environment = {
        **os.environ,
        "DEBUG": "False",
        "DJANGO_SETTINGS_MODULE": "billing_site.settings",
        "BILLING_SECRET_KEY": site.SECRET_KEY,
        "BILLING_ALLOWED_HOSTS": "testserver",
        "BILLING_SERVICE_KEYS": ",".join(f"{name}:{key}" for name, key in KEYS.items()),
        "BILLING_DATABASE_URL": f"mysql://root@127.0.0.1:{dead_port()}/{used['NAME']}",
        "BILLING_REPLICA_URL": f"mysql://{address}/{used['NAME']}",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        input=json.dumps(calls), capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [status for status, _headers, _body in found] == [503, 200, 200, 200, 404, 503, 503, 503, 503, 503]
    for (status, headers, body), (method, path, *_sent) in zip(found[1:], calls[1:], strict=True):
        assert (headers.get("X-Read-From") == "replica") == (status != 503), path
        assert ("Retry-After" in headers) == (status == 503), path
        assert json.loads(body) if path.startswith("/api/") else True, (method, path)
    assert json.loads(found[1][2])["results"][0]["external_id"] == ticket
    assert json.loads(found[0][2])["status"] == "unhealthy"


@pytest.mark.django_db
def test_without_a_replica_a_lost_primary_is_503(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def lost(*_: Any, **__: Any) -> None:
        raise OperationalError(2003, "cannot connect")

    headers = service("worker")
    monkeypatch.setattr(connection, "cursor", lost)
    response = api.get("/api/tickets", headers=headers)
    assert (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "unavailable", "2")


def test_a_replica_in_tests_is_the_primary() -> None:
    assert database("mysql://root@127.0.0.1:3306/x", replica=True)["TEST"] == {"MIRROR": "default"}
