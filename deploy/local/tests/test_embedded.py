"""The embedded system, whole: SQLite, the broker in a folder, every program."""

from __future__ import annotations

import ast
import re
import uuid

import pytest
import requests

from deploy.local import leash
from deploy.local.engine import until
from deploy.local.environments import ROOT
from deploy.local.stack import Stack
from middleware_worker.contract.credentials import ServiceAuth

CARD = {"card_number": "4111111111111111", "card_expiry": "12/30", "card_cvv": "123"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack.embedded(tmp_path_factory.mktemp("embedded"), say=lambda _: None) as running:
        yield running
    assert leash.leashed(running.folder) == []


def buy(stack: Stack) -> tuple[int, int]:
    """Reserves a free seat and pays it as the portal does; the event and the seat."""
    portal = ServiceAuth(caller="portal", audience="billing", key=stack.environments.secrets["PORTAL_SERVICE_KEY"])
    event, seat = free_seat(stack)
    taken = requests.post(
        stack.url("reservations", "/api/reservations"),
        json={"seat_ids": [seat], "rut": 15_000_000},
        headers={"Idempotency-Key": uuid.uuid4().hex},
        timeout=20,
    )
    assert taken.status_code == 201, taken.text
    order = stack.url("billing", f"/api/orders/{taken.json()['code']}")
    assert until(lambda: requests.get(order, auth=portal, timeout=20).status_code == 200, timeout=60)
    key = {"Idempotency-Key": uuid.uuid4().hex}
    paid = requests.post(f"{order}/pay", json=CARD, auth=portal, headers=key, timeout=20)
    assert paid.json()["status"] == "paid", paid.text
    return event, seat


def seats(stack: Stack, event: int) -> dict[int, str]:
    found = requests.get(stack.url("reservations", f"/api/events/{event}/seats"), timeout=20).json()["seats"]
    return {seat["id"]: seat["status"] for seat in found}


def free_seat(stack: Stack) -> tuple[int, int]:
    events = requests.get(stack.url("reservations", "/api/events"), timeout=20).json()["events"]
    event = next(found["id"] for found in events if found["available_seats"])
    return event, next(seat for seat, status in seats(stack, event).items() if status == "available")


def test_a_seat_is_reserved_paid_and_sold(stack):
    event, seat = buy(stack)

    assert until(lambda: seats(stack, event)[seat] == "sold", timeout=60)


def test_flower_shows_the_worker_to_those_with_its_password_only(stack):
    page = stack.url("flower", "/workers?json=1")
    password = stack.environments.secrets["FLOWER_PASSWORD"]

    assert requests.get(page, timeout=20).status_code == 401
    known = ("flower", password)
    assert until(lambda: "ticketflow@" in requests.get(page, auth=known, timeout=20).text, timeout=60)


def test_every_program_heals_when_all_are_killed_and_selling_goes_on(stack):
    supervisor = stack.supervisor
    killed = {name: supervisor.kill(name) for name in supervisor.names}

    for name, pid in killed.items():
        supervisor.wait_ready(name, other_than=pid, timeout=60)

    event, seat = buy(stack)
    assert until(lambda: seats(stack, event)[seat] == "sold", timeout=60)


@pytest.mark.parametrize("package", ["reservations_site", "billing_site", "portal_site", "middleware_worker"])
def test_no_program_needs_a_driver_that_the_demo_does_not_install(package):
    """The embedded demo is SQLite alone: a driver of another database may only be imported where one is used."""
    needing = set()
    for file in (ROOT / package).rglob("*.py"):
        if "tests" in file.parts or "postgresql" in file.parts or file.name == "conftest.py":
            continue
        for node in ast.parse(file.read_text()).body:
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            needing |= {file.name for name in names if re.search(r"^(psycopg|MySQLdb)\b|outbox\.postgresql", name)}
    assert needing == set()
