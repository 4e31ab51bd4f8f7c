"""The gate's API: asked online, told afterwards; each entry once, and what went in twice is reported."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.test import Client

from billing_site.gate import offline
from billing_site.gate.models import Entry
from billing_site.payments import refunds, services
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.tickets import signing
from billing_site.tickets.models import Admission, AuditEntry, Ticket
from billing_site.tickets.tests.factories import arrived_order, tickets_of
from billing_site.tickets.tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]
SOON = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
EVENT = {"key": "1", "name": "Concierto Rock Nacional"}
LIST = "/api/gate/events/1/list"


def paid(seats: int = 1, **changes: Any) -> list[Ticket]:
    order = arrived_order(seats, **{"starts_at": SOON, **changes})
    services.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    return tickets_of(order)


def item(ticket: Ticket | None, /, **changes: Any) -> dict[str, Any]:
    named = {"number": ticket.pk} if ticket else {}
    moment = datetime.now(UTC).isoformat()
    return {"id": str(uuid.uuid4()), "gate": "B", "event": EVENT, "scanned_at": moment, **named, **changes}


def tell(client: Client, *items: dict[str, Any], **changes: Any) -> list[str]:
    body = {"device": str(uuid.uuid4()), "sent_at": datetime.now(UTC).isoformat(), "admissions": items, **changes}
    response = client.post("/api/gate/admissions", body, content_type="application/json")
    assert response.status_code == 200, response.content
    return [row["outcome"] for row in response.json()["results"]]


def ask(client: Client, text: str, **changes: Any) -> dict[str, Any]:
    body = {"id": str(uuid.uuid4()), "device": str(uuid.uuid4()), "gate": "A", "event": EVENT, "text": text, **changes}
    response = client.post("/api/gate/scans", body, content_type="application/json")
    assert response.status_code == 200, response.content
    return response.json()


def test_the_same_question_again_gets_the_same_answer_and_another_one_is_refused(guard: Client) -> None:
    (ticket,) = paid()
    mine = str(uuid.uuid4())
    assert [ask(guard, signing.sign(ticket), id=mine)["code"] for _ in range(2)] == ["in", "in"]
    again = ask(guard, signing.sign(ticket))
    assert (again["code"], again["gate"]) == ("already_used", "A")
    assert Entry.objects.count() == Admission.objects.count() == 1


def test_an_online_entry_told_again_after_a_lost_answer_is_no_conflict(guard: Client) -> None:
    (ticket,) = paid()
    mine = str(uuid.uuid4())
    ask(guard, signing.sign(ticket), id=mine)
    assert tell(guard, item(ticket, id=mine)) == ["in"]
    assert Entry.objects.get().offline is False


def test_what_was_let_in_offline_is_recorded_once_with_device_gate_and_who(guard: Client) -> None:
    (ticket,) = paid()
    told = item(ticket, scanned_by="Pedro")
    assert tell(guard, told) == tell(guard, told) == ["in"]
    ticket.refresh_from_db()
    assert (ticket.status, Admission.objects.get().gate, Entry.objects.get().offline) == ("USED", "B", True)
    audited = AuditEntry.objects.get(action="gate.entry")
    assert audited.by == "Pía Puerta (9.999.999-3)"
    assert (audited.detail["gate"], audited.detail["scanned_by"]) == ("B", "Pedro")


def test_the_second_of_two_gates_is_a_conflict_that_both_devices_and_staff_see(guard: Client) -> None:
    (ticket,) = paid()
    assert tell(guard, item(ticket, gate="A")) == ["in"]
    assert tell(guard, item(ticket)) == ["double"]
    (double,) = guard.get(LIST).json()["doubles"]["latest"]
    assert (double["outcome"], double["gate"], double["first"]["gate"]) == ("double", "B", "A")
    assert AuditEntry.objects.filter(action="gate.conflict", ticket=ticket).count() == 1
    assert 'data-outcome="double"' in guard.get("/gate/dobles/").content.decode()


def test_a_refund_before_the_entry_arrives_is_a_conflict_and_the_ticket_stays_refunded(guard: Client) -> None:
    (ticket,) = paid()
    refunds.refund_ticket(ticket=ticket, reason="x", by="test")
    assert tell(guard, item(ticket)) == ["refunded"]
    ticket.refresh_from_db()
    assert (ticket.status, Admission.objects.count()) == ("REFUNDED", 0)


@pytest.mark.django_db(transaction=True)
def test_of_two_gates_that_tell_at_once_one_is_the_admission_and_one_the_conflict(
    client: Client, make_person: Any
) -> None:
    client.force_login(make_person(9_999_999, is_staff=True, is_superuser=True))
    (ticket,) = paid()
    results = at_once(lambda: tell(client, item(ticket)), lambda: tell(client, item(ticket)))
    assert sorted(results) == [["double"], ["in"]]


def test_one_that_cannot_be_read_does_not_hold_up_the_others(guard: Client) -> None:
    (ticket,) = paid()
    bad = item(None, number="x")
    unknown = item(None, ticket="TF-gone")
    assert tell(guard, bad, item(ticket), unknown) == ["invalid", "in", "unknown"]
    assert tell(guard, item(paid()[0], id=str(Entry.objects.get(ticket=ticket).uuid))) == ["reused_id"]


def test_a_wrong_clock_of_the_device_does_no_harm(guard: Client) -> None:
    (ticket,) = paid()
    told = item(ticket, scanned_at="1970-01-01T00:10:00Z")
    tell(guard, told, sent_at="1970-01-01T00:15:00Z")
    entry = Entry.objects.get()
    assert entry.received_at - entry.at == pytest.approx(timedelta(minutes=5), abs=timedelta(seconds=5))


def test_the_list_has_keys_and_states_but_no_names_or_codes_and_is_304_until_something_changes(guard: Client) -> None:
    (ticket,) = paid(name="Ana Núñez")
    first = guard.get(LIST)
    assert first.json()["keys"] == signing.public_keys()
    assert first.json()["tickets"][0][3] == "PAID"
    for secret in ("Ana", ticket.external_id, ticket.order.code, str(ticket.person_id)):
        assert secret not in first.content.decode()
    headers = {"If-None-Match": first.headers["ETag"]}
    assert guard.get(LIST, headers=headers).status_code == 304
    tell(guard, item(ticket))
    changed = guard.get(LIST + "?since=" + first.json()["moment"].replace("+", "%2B"), headers=headers)
    assert (changed.status_code, changed.json()["tickets"][0][3]) == (200, "USED")


def test_the_database_refuses_a_second_admitting_entry(guard: Client) -> None:
    (ticket,) = paid()
    tell(guard, item(ticket))
    entry = Entry.objects.get()
    entry.pk, entry.uuid = None, uuid.uuid4()
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save(force_insert=True)


def test_only_staff_who_may_check_in_come_in(client: Client, make_person: Any) -> None:
    assert client.get(LIST).status_code == 401
    assert client.get("/gate/").status_code == 302
    clerk = make_person(22_222_222, is_staff=True)
    clerk.groups.add(Group.objects.get(name="finance"))
    client.force_login(clerk)
    assert [client.get(url).status_code for url in (LIST, "/gate/", "/gate/dobles/")] == [403, 403, 403]
    assert client.post("/api/gate/admissions", {}, content_type="application/json").status_code == 403


def test_only_the_gate_s_page_may_run_webassembly_and_its_worker_names_every_file(guard: Client) -> None:
    policy = guard.get("/gate/").headers["Content-Security-Policy"]
    assert "'wasm-unsafe-eval'" in policy
    assert "unsafe-inline" not in policy
    worker = guard.get("/gate/sw.js").content.decode()
    assert offline.version() in worker
    assert "wasm" not in guard.get("/gate/dobles/").headers["Content-Security-Policy"]
