"""Dead letters at the desk: read, replayed, discarded."""

from typing import Any

import pytest
from django.test import Client

from billing_site.dead_letters import services
from billing_site.dead_letters.admin import readable
from billing_site.dead_letters.models import DeadLetter
from billing_site.tickets.models import AuditEntry, Ticket

pytestmark = pytest.mark.django_db
URL = "/admin/dead_letters/deadletter/"
GOOD = b'{"id": "EXT-1", "rut": 12345678, "price": 5000, "event": "Feria \xc3\xb1"}'


def letter(body: bytes = GOOD, code: str = "invalid") -> DeadLetter:
    return services.store(queue="new_ticket", code=code, reason="for a test", body=body, delivery_id="1")


def act(client: Client, action: str, *rows: DeadLetter, **more: str) -> str:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    page = client.post(URL, data, follow=True).content.decode()
    for row in rows:
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
    page = act(desk("box office"), "replay", row, confirmed="1")
    assert "1 mensaje enviado de nuevo" in page
    assert row.status == DeadLetter.Status.REPLAYED
    assert Ticket.objects.get().external_id == "EXT-1"
    assert AuditEntry.objects.filter(action="dead_letter.replayed", by="Bruno (22.222.222-2)").exists()


def test_a_discarded_letter_says_who_discarded_it(desk: Any) -> None:
    row = letter(b"rubbish")
    act(desk("box office"), "discard", row, confirmed="1")
    assert (row.status, row.changed_by) == (DeadLetter.Status.DISCARDED, "Bruno (22.222.222-2)")


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_an_auditor_looks_and_does_nothing(desk: Any, action: str) -> None:
    row = letter()
    act(desk("auditor"), action, row, confirmed="1")
    assert row.status == DeadLetter.Status.OPEN
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_both_actions_first_say_what_will_happen_and_do_nothing(desk: Any, action: str) -> None:
    rows = [letter(), letter(b"rubbish", "not_json")]
    page = act(desk("box office"), action, *rows)
    assert "<strong>2 mensajes</strong>" in page
    assert "No es JSON" in page
    assert {row.status for row in rows} == {DeadLetter.Status.OPEN}
    assert not AuditEntry.objects.exists()


def test_many_are_replayed_at_once_and_those_of_no_use_stay_with_their_new_reason(desk: Any) -> None:
    good, bad = letter(code="rejected"), letter(b"rubbish", "rejected")
    page = act(desk("box office"), "replay", good, bad, confirmed="1")
    assert "1 mensaje enviado de nuevo" in page
    assert "1 quedó como estaba" in page
    assert (good.status, bad.status, bad.code) == ("replayed", "open", "not_json")
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"dead_letter.replayed", "dead_letter.refused_again"} <= actions


def test_the_list_says_in_words_what_failed_and_is_filtered_by_it(desk: Any) -> None:
    letter()
    letter(b"rubbish", "not_json")
    client = desk("box office")
    page = client.get(URL).content.decode()
    assert 'href="?code=not_json">No es JSON</a>' in page
    assert "Falta un dato" in page
    assert client.get(f"{URL}?code=not_json").context["cl"].result_count == 1
