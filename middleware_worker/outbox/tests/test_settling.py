"""Receipts: what they do to a row, once."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site
from django.test import Client
from django.utils import timezone

from middleware_worker.contract.credentials import issue, parse_keys
from middleware_worker.contract.messages import Answer, TicketState
from middleware_worker.outbox import locks, relay, services
from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.tests.conftest import Recorder, add, at_once

State = OutboxMessage.State
KEY = "test-outbox-key-00000000000000000000"

pytestmark = pytest.mark.django_db


def done(row: OutboxMessage, **fields: Any) -> Answer:
    state = TicketState(id="TF-1", status="PAID", generation=1, n=2)
    return Answer(id=str(row.id), result="done", tickets=[state], **fields)


def test_done_applies_the_states_and_closes_the_row(fake_site: list[TicketState]) -> None:
    (row,) = add()
    assert services.settle([done(row)]) == 1
    row.refresh_from_db()
    assert (row.state, row.last_error) == (State.RECEIPTED, "")
    assert row.receipted_at
    assert [state.version for state in fake_site] == [(1, 2)]


def test_the_same_receipt_again_applies_nothing(fake_site: list[TicketState]) -> None:
    (row,) = add()
    assert [services.settle([done(row)]) for _ in range(3)] == [1, 0, 0]
    assert len(fake_site) == 1


@pytest.mark.django_db(transaction=True)
def test_two_receipts_at_once_apply_once(fake_site: list[TicketState]) -> None:
    (row,) = add()
    assert sorted(at_once(4, lambda: services.settle([done(row)]))) == [0, 0, 0, 1]
    assert len(fake_site) == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_two_receipts_at_once_apply_twice(
    fake_site: list[TicketState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above."""
    both_have_read = threading.Barrier(2)

    def unlocked(ids: Any) -> list[OutboxMessage]:
        rows = list(OutboxMessage.objects.filter(id__in=list(ids), state=State.OPEN))
        both_have_read.wait(10)
        return rows

    monkeypatch.setattr(locks, "unsettled", unlocked)
    (row,) = add()
    at_once(2, lambda: services.settle([done(row)]))
    assert len(fake_site) == 2


def test_a_row_is_still_open_when_applying_its_receipt_fails(settings: Any) -> None:
    (row,) = add()
    settings.OUTBOX_APPLY = "middleware_worker.outbox.tests.test_settling.broken"
    with pytest.raises(RuntimeError):
        services.settle([done(row)])
    row.refresh_from_db()
    assert row.state == State.OPEN


def broken(states: list[TicketState]) -> None:
    raise RuntimeError


def test_rejected_keeps_the_reason_and_is_not_sent_again_until_someone_replays_it(publisher: Recorder) -> None:
    (row,) = add()
    answer = Answer(id=str(row.id), result="rejected", code="unknown_event", error="No existe")
    assert services.settle([answer]) == 1
    row.refresh_from_db()
    assert (row.state, row.last_error) == (State.REJECTED, "unknown_event: No existe")
    assert relay.run_once(publisher) == 0
    assert services.replay(id=str(row.id), by="ana")
    assert relay.run_once(publisher) == 1


@pytest.mark.parametrize("result", ["wait", "retry"])
def test_wait_and_retry_date_the_next_attempt_sooner_than_the_back_off_and_say_why(
    result: Any, publisher: Recorder
) -> None:
    (row,) = add()
    relay.run_once(publisher)
    before = OutboxMessage.objects.get().next_attempt_at
    assert services.settle([Answer(id=str(row.id), result=result, error="billing cannot be reached")]) == 0
    row.refresh_from_db()
    assert (row.state, row.last_error) == (State.OPEN, "billing cannot be reached")
    assert timezone.now() < row.next_attempt_at < before


def test_pauses_after_retries_grow_to_a_bound() -> None:
    (row,) = add()
    pauses = []
    for attempts in (1, 2, 3, 4, 30):
        OutboxMessage.objects.update(attempts=attempts)
        services.settle([Answer(id=str(row.id), result="retry")])
        row.refresh_from_db()
        pauses.append(round((row.next_attempt_at - timezone.now()).total_seconds()))
    assert pauses == [2, 4, 8, 15, 15]


def test_a_late_retry_does_not_open_a_row_that_is_settled() -> None:
    (row,) = add()
    services.settle([done(row)])
    services.settle([Answer(id=str(row.id), result="retry")])
    services.settle([Answer(id=str(row.id), result="rejected", code="x")])
    row.refresh_from_db()
    assert row.state == State.RECEIPTED


def test_a_late_done_closes_a_row_that_was_rejected_or_discarded(fake_site: list[TicketState]) -> None:
    rejected, discarded = add(2)
    services.settle([Answer(id=str(row.id), result="rejected", code="x") for row in (rejected, discarded)])
    assert services.discard(id=str(discarded.id), by="ana")
    assert services.settle([done(rejected), done(discarded)]) == 2
    assert set(OutboxMessage.objects.values_list("state", flat=True)) == {State.RECEIPTED}
    assert len(fake_site) == 2


def test_receipts_for_rows_that_are_not_there_do_nothing() -> None:
    (row,) = add()
    unknown = [
        Answer(id="00000000-0000-0000-0000-000000000000", result="done"),
        Answer(id="EXT-1", result="done"),
        Answer(id="", result="rejected"),
    ]
    assert services.settle([*unknown, done(row)]) == 1


def test_only_rejected_rows_are_discarded_and_only_dead_ones_replayed() -> None:
    (row,) = add()
    assert not services.discard(id=str(row.id), by="ana")
    assert not services.replay(id=str(row.id), by="ana")


def test_pruning_takes_old_receipted_rows_and_no_others() -> None:
    old, young, still_open = add(3)
    services.settle([done(old), done(young)])
    past = timezone.now() - timedelta(days=40)
    OutboxMessage.objects.filter(id__in=[old.id, still_open.id]).update(next_attempt_at=past)
    OutboxMessage.objects.filter(id=old.id).update(receipted_at=past)
    assert services.prune(older_than=timedelta(days=30)) == 1
    assert set(OutboxMessage.objects.values_list("id", flat=True)) == {young.id, still_open.id}


class TestCalls:
    """The HTTP calls of the worker, on whichever site this runs."""

    @pytest.fixture(autouse=True)
    def keys(self, settings: Any) -> None:
        settings.SERVICE_KEYS = parse_keys([f"worker:{KEY}", f"portal:{KEY}"])
        # WhiteNoise warns of a folder that only collectstatic makes.
        settings.STATIC_ROOT = None
        settings.OUTBOX_RECEIVE = "middleware_worker.outbox.tests.test_settling.receive"

    def call(self, path: str, body: Any = None, *, caller: str = "worker", method: str = "POST") -> Any:
        token = issue(caller=caller, audience=site.SERVICE_NAME, key=KEY)
        headers = {"Authorization": f"Service {token}"}
        call = Client().post if method == "POST" else Client().get
        return call(f"/api/internal/{path}", body, "application/json", headers=headers)

    def test_messages_are_answered_one_by_one(self) -> None:
        answer = self.call("messages", {"messages": [{"id": "a"}, {"id": "b"}]})
        assert [found["id"] for found in answer.json()["answers"]] == ["a", "b"]

    def test_receipts_settle_rows(self) -> None:
        (row,) = add()
        assert self.call("receipts", {"receipts": [done(row).model_dump(mode="json")]}).json() == {"settled": 1}

    def test_other_callers_and_strangers_are_refused(self) -> None:
        for path in ("messages", "receipts"):
            assert self.call(path, {}, caller="portal").status_code == 403
            assert Client().post(f"/api/internal/{path}", {}, "application/json").status_code == 401

    @pytest.mark.parametrize(
        "body", [[], "x", None, {}, {"messages": 5}, {"messages": ["x"]}, {"messages": [{}] * 501}]
    )
    def test_bodies_that_are_no_batch_are_400(self, body: Any) -> None:
        for path in ("messages", "receipts"):
            answer = self.call(path, body)
            assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")

    def test_rejected_rows_are_listed_replayed_and_discarded(self) -> None:
        (row,) = add()
        services.settle([Answer(id=str(row.id), result="rejected", code="x", error="no")])
        (letter,) = self.listed()
        assert (letter["id"], letter["reason"]) == (str(row.id), "x: no")
        assert self.call(f"outbox/{row.id}/discard", {"by": "ana"}).status_code == 200
        assert self.listed() == []
        assert self.call(f"outbox/{row.id}/replay", {"by": "ana"}).status_code == 200
        assert self.call(f"outbox/{row.id}/replay", {"by": "ana"}).status_code == 404

    def listed(self) -> list[dict[str, Any]]:
        token = issue(caller="worker", audience=site.SERVICE_NAME, key=KEY)
        found = Client().get("/api/internal/outbox?state=rejected", headers={"Authorization": f"Service {token}"})
        return list(found.json()["dead_letters"])


def receive(items: list[dict[str, Any]]) -> list[Answer]:
    return [Answer(id=item["id"], result="done") for item in items]
