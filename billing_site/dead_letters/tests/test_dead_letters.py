"""Dead letters: nothing is lost, nothing is stored twice, and people can try again or put aside."""

import base64
import json
from typing import Any

import pytest
from django.test import Client

from billing_site.conftest import service
from billing_site.dead_letters import services
from billing_site.dead_letters.models import DeadLetter
from billing_site.tickets.models import AuditEntry, Ticket
from billing_site.tickets.tests.factories import outside_order

pytestmark = pytest.mark.django_db

GOOD = {"id": "EXT-1", "rut": 12345678, "price": 5000.0, "event": "Feria"}


def store(body: bytes, delivery: str = "d1", **changes: Any) -> DeadLetter:
    given = {"queue": "new_ticket", "code": "invalid", "reason": "rut: missing", **changes}
    return services.store(body=body, delivery_id=delivery, **given)


def test_one_delivery_is_stored_once_however_often_it_is_carried() -> None:
    first, second = store(b"x"), store(b"x", reason="the same, carried again")
    assert first.pk == second.pk
    store(b"x", "d2")
    store(b"y")
    assert DeadLetter.objects.count() == 3


def test_of_ten_megabytes_64_kib_are_kept_and_the_size_is_known() -> None:
    row = store(b"\0" * 10_000_000)
    assert (len(row.body), row.size) == (64 * 1024, 10_000_000)
    assert store(b"\0" * 64 * 1024, "cut by the carrier", size=10_000_000).size == 10_000_000
    assert not services.replay(dead_letter=row, by="test")
    row.refresh_from_db()
    assert (row.status, row.code) == ("open", "too_large")


def test_what_is_good_now_becomes_a_ticket_once() -> None:
    row = store(json.dumps(GOOD).encode())
    assert services.replay(dead_letter=row, by="staff:1")
    row.refresh_from_db()
    assert (row.status, row.changed_by) == ("replayed", "staff:1")
    assert Ticket.objects.get(external_id="EXT-1").price == 5000
    assert not services.replay(dead_letter=row, by="staff:1")
    assert Ticket.objects.count() == 1
    assert AuditEntry.objects.filter(action="dead_letter.replayed", by="staff:1").count() == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not json", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[" * 60_000, "not_json"),
        (b'{"id":"x","rut":1,"price":NaN,"event":"x"}', "not_json"),
        (b"[]", "invalid"),
        (b'{"id":"x","rut":1,"price":0.5,"event":"x"}', "invalid"),
        (b'{"id":"TF-x","rut":1,"price":5,"event":"x"}', "invalid"),
    ],
)
def test_what_is_still_bad_stays_open_with_the_new_reason(body: bytes, code: str) -> None:
    row = store(body, reason="old", code="old")
    assert not services.replay(dead_letter=row, by="test")
    row.refresh_from_db()
    assert (row.status, row.code) == ("open", code)
    assert row.reason != "old"
    assert not Ticket.objects.exists()


def test_a_conflict_stays_a_conflict() -> None:
    outside_order(id="EXT-1", price=1)
    row = store(json.dumps(GOOD).encode())
    assert not services.replay(dead_letter=row, by="test")
    row.refresh_from_db()
    assert (row.status, row.code) == ("open", "conflict")


def test_what_was_put_aside_stays_on_record_and_is_not_tried_again() -> None:
    row = store(json.dumps(GOOD).encode())
    assert services.discard(dead_letter=row, by="staff:1")
    row.refresh_from_db()
    assert (row.status, row.changed_by) == ("discarded", "staff:1")
    assert not services.discard(dead_letter=row, by="staff:2")
    assert not services.replay(dead_letter=row, by="staff:2")
    assert not Ticket.objects.exists()


class TestOverHttp:
    PATH = "/api/internal/dead-letters"

    def call(self, api: Client, path: str = "", body: Any = None, caller: str = "worker") -> Any:
        return api.post(self.PATH + path, body or {}, content_type="application/json", headers=service(caller))

    def letter(self, body: bytes, **changes: Any) -> dict[str, Any]:
        given = {"queue": "new_ticket", "code": "invalid", "reason": "", "delivery_id": "d", "size": len(body)}
        return {**given, "body_base64": base64.b64encode(body).decode(), **changes}

    def test_the_worker_stores_lists_replays_and_discards(self, api: Client) -> None:
        good, bad = self.letter(json.dumps(GOOD).encode()), self.letter(b"\x00\xff", delivery_id="e")
        for _ in range(2):
            stored = self.call(api, body={"dead_letters": [good, bad]}).json()
        assert stored["stored"] == 2
        listed = api.get(self.PATH, headers=service("worker")).json()
        assert (listed["count"], {row["status"] for row in listed["dead_letters"]}) == (2, {"open"})
        first, second = stored["ids"]
        assert self.call(api, f"/{first}/replay", {"by": "staff:1"}).json()["result"] == "replayed"
        assert self.call(api, f"/{second}/replay").json()["result"] == "open"
        assert self.call(api, f"/{second}/discard", {"by": "staff:1"}).json()["result"] == "discarded"
        assert self.call(api, f"/{second}/discard").status_code == 409
        assert self.call(api, "/99999/replay").status_code == 404
        discarded = api.get(f"{self.PATH}?status=discarded", headers=service("worker")).json()
        assert discarded["dead_letters"][0]["changed_by"] == "staff:1"

    def test_nobody_else_may(self, api: Client) -> None:
        assert api.get(self.PATH).status_code == 401
        assert api.get(self.PATH, headers=service("portal")).status_code == 403
        assert self.call(api, body={"dead_letters": []}, caller="portal").status_code == 403

    @pytest.mark.parametrize(
        "letters",
        [None, "x", [1], [{}], [{"queue": "q", "code": "c", "reason": "", "delivery_id": "d", "body_base64": "!"}]],
    )
    def test_what_is_no_list_of_dead_letters_is_refused(self, api: Client, letters: Any) -> None:
        assert self.call(api, body={"dead_letters": letters}).status_code == 400
        assert not DeadLetter.objects.exists()
