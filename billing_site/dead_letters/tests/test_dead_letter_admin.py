"""Dead letters at the desk: read, replayed, discarded."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from billing_site.dead_letters import services
from billing_site.dead_letters.admin import readable
from billing_site.dead_letters.models import DeadLetter
from billing_site.tickets.models import AuditEntry, Ticket

pytestmark = pytest.mark.django_db
URL = "/admin/dead_letters/deadletter/"
GOOD = b'{"id": "EXT-1", "rut": 12345678, "price": 5000, "event": "Feria \xc3\xb1"}'


@pytest.fixture
def desk(client: Client, make_person: Any) -> Any:
    def log_in(role: str) -> Client:
        person = make_person(22_222_222, full_name="Bruno", is_staff=True)
        person.groups.set([Group.objects.get(name=role)])
        client.force_login(person)
        return client

    return log_in


def letter(body: bytes = GOOD) -> DeadLetter:
    return services.store(queue="new_ticket", code="invalid", reason="for a test", body=body, delivery_id="1")


def act(client: Client, action: str, row: DeadLetter) -> str:
    data = {"action": action, "_selected_action": [row.pk]}
    page = client.post(URL, data, follow=True).content.decode()
    row.refresh_from_db()
    return page


def test_the_body_is_shown_as_it_can_be_read_and_never_as_markup(desk: Any) -> None:
    row = letter(b'{"event": "<script>alert(1)</script> \xc3\xb1"}')
    page = desk("auditor").get(f"{URL}{row.pk}/change/").content.decode()
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert readable(b"\xff\x00") == "ff 00"
    assert readable(b"not json") == "not json"
    assert readable(b"[" * 60_000).startswith("[[")
    assert len(readable(b"x" * 60_000)) < 9_000


def test_a_letter_that_can_be_used_now_is_replayed_and_becomes_a_ticket(desk: Any) -> None:
    row = letter()
    page = act(desk("box office"), "replay", row)
    assert "1 mensaje enviado de nuevo" in page
    assert row.status == DeadLetter.Status.REPLAYED
    assert Ticket.objects.get().external_id == "EXT-1"
    assert AuditEntry.objects.filter(action="dead_letter.replayed", by="Bruno (22.222.222-2)").exists()


def test_a_discarded_letter_says_who_discarded_it(desk: Any) -> None:
    row = letter(b"rubbish")
    act(desk("box office"), "discard", row)
    assert (row.status, row.changed_by) == (DeadLetter.Status.DISCARDED, "Bruno (22.222.222-2)")


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_an_auditor_looks_and_does_nothing(desk: Any, action: str) -> None:
    row = letter()
    act(desk("auditor"), action, row)
    assert row.status == DeadLetter.Status.OPEN
    assert not Ticket.objects.exists()
