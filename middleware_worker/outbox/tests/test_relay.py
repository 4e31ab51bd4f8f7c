"""The relay: every open row is published, and again until it is receipted."""

import base64
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from kombu.transport.filesystem import Transport

from middleware_worker.contract.messages import Answer
from middleware_worker.outbox import locks, relay, services
from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.tests.conftest import Recorder, add, at_once


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    return Clock(monkeypatch)


class Clock:
    """The relay's and the services' clock, put forward by a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        real = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: real() + self.ahead)

    def forward(self, **how: float) -> None:
        self.ahead += timedelta(**how)


pytestmark = pytest.mark.django_db


def test_a_row_is_published_once_and_stays_open_until_its_receipt(publisher: Recorder) -> None:
    (row,) = add()
    assert relay.run_once(publisher) == 1
    assert relay.run_once(publisher) == 0
    assert publisher.batches[0][0] == [{"n": 0, "id": str(row.id), "type": "ticket.create"}]
    row.refresh_from_db()
    assert (row.state, row.attempts, row.receipted_at) == (OutboxMessage.State.OPEN, 1, None)
    assert row.published_at


def test_what_is_rolled_back_sends_no_message(publisher: Recorder) -> None:
    def fail() -> None:
        with transaction.atomic():
            add()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert relay.run_once(publisher) == 0


def test_a_row_without_a_receipt_is_published_again_after_growing_back_offs(publisher: Recorder, clock: Clock) -> None:
    (row,) = add()
    lifetimes = []
    for _ in range(5):
        assert relay.run_once(publisher) == 1
        lifetime = publisher.batches[-1][1]
        lifetimes.append(lifetime.total_seconds())
        clock.forward(seconds=lifetime.total_seconds() - 1)
        assert relay.run_once(publisher) == 0, "not before the one published is gone"
        clock.forward(seconds=2)
    assert lifetimes == [10, 20, 40, 60, 60]
    assert publisher.ids == [str(row.id)] * 5


def test_a_relay_that_dies_after_the_confirm_has_the_row_published_again(publisher: Recorder, clock: Clock) -> None:
    class Killed(BaseException):
        pass

    class Deadly(Recorder):
        def publish(self, messages: Any, *, lifetime: timedelta) -> None:
            super().publish(messages, lifetime=lifetime)
            raise Killed

    (row,) = add()
    deadly = Deadly()
    with pytest.raises(Killed):
        relay.run_once(deadly)
    assert deadly.ids == [str(row.id)]
    assert relay.run_once(publisher) == 0
    clock.forward(seconds=11)
    assert relay.run_once(publisher) == 1


def test_a_broker_that_does_not_confirm_is_asked_soon_again_and_counts_as_no_attempt(
    publisher: Recorder, clock: Clock
) -> None:
    (row,) = add()
    publisher.fails = OSError("no broker")
    for _ in range(5):
        with pytest.raises(OSError, match="no broker"):
            relay.run_once(publisher)
        clock.forward(seconds=3)
    row.refresh_from_db()
    assert (row.attempts, row.published_at) == (0, None)
    assert "no broker" in row.last_error
    publisher.fails = None
    assert relay.run_once(publisher) == 1
    assert publisher.batches[0][1] == relay.FIRST_BACK_OFF


def test_batches_that_were_confirmed_before_a_failure_are_not_published_again(
    publisher: Recorder, clock: Clock
) -> None:
    class Limited(Recorder):
        def publish(self, messages: Any, *, lifetime: timedelta) -> None:
            if self.batches:
                raise OSError("gone")
            super().publish(messages, lifetime=lifetime)

    add(150)
    limited = Limited()
    with pytest.raises(OSError, match="gone"):
        relay.run_once(limited)
    clock.forward(seconds=3)
    assert relay.run_once(publisher) == 50
    assert not set(publisher.ids) & set(limited.ids)


def test_batches_hold_a_hundred_messages_at_most(publisher: Recorder) -> None:
    add(250)
    assert relay.run_once(publisher) == 250
    assert [len(batch) for batch, _ in publisher.batches] == [100, 100, 50]


def test_rows_without_a_receipt_are_bounded_and_receipts_open_the_window(
    publisher: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "WINDOW", 10)
    add(25)
    assert [relay.run_once(publisher) for _ in range(3)] == [10, 0, 0]
    services.settle([Answer(id=name, result="done") for name in publisher.ids[:4]])
    assert [relay.run_once(publisher), relay.run_once(publisher)] == [4, 0]


def test_a_new_row_is_due_for_a_relay_whose_clock_is_two_minutes_behind(publisher: Recorder, clock: Clock) -> None:
    add()
    clock.forward(minutes=-2)
    assert relay.run_once(publisher) == 1


def test_new_rows_go_before_rows_that_are_tried_again(publisher: Recorder, clock: Clock) -> None:
    (old,) = add()
    relay.run_once(publisher)
    clock.forward(seconds=11)
    (new,) = add()
    relay.run_once(publisher)
    assert publisher.ids[1:] == [str(new.id), str(old.id)]


@pytest.mark.django_db(transaction=True)
def test_the_relay_outlives_a_lost_broker_and_stops_when_told(publisher: Recorder) -> None:
    add()
    publisher.fails = OSError("no broker")
    pauses: list[float] = []

    def idle(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            publisher.fails = None
            OutboxMessage.objects.update(next_attempt_at=timezone.now())

    relay.run(publisher, stopping=lambda: bool(publisher.batches), idle=idle)
    assert len(publisher.ids) == 1


def test_the_embedded_broker_carries_what_the_relay_publishes(settings: Any, tmp_path: Path) -> None:
    settings.BROKER_URL, settings.BROKER_FOLDER = "filesystem://", str(tmp_path)
    Transport.global_state.clear()  # what kombu remembers of another test's folder
    rows = add(3)
    relay.run_once(relay.CeleryPublisher())
    (file,) = (tmp_path / "queues").iterdir()
    message = json.loads(file.read_text())
    assert settings.OUTBOX_QUEUE in file.name
    # It knows no time to live: the worker, on the same machine, looks at this date.
    assert message["headers"]["expires"]
    assert all(str(row.id) in _body(message) for row in rows)


def _body(message: dict[str, Any]) -> str:
    return base64.b64decode(message["body"]).decode()


@pytest.mark.django_db(transaction=True)
def test_two_relays_share_the_rows_and_claim_none_twice() -> None:
    add(400)
    claims = at_once(4, lambda: [row.id for _ in range(4) for row in relay.claim(limit=50)])
    ids = [row_id for claim in claims for row_id in claim]
    assert len(ids) == len(set(ids))
    left = len(relay.claim(limit=500))
    assert len(ids) + left == 400


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_same_rows_are_claimed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above: with the lock taken out, it would fail."""
    both_have_read = threading.Barrier(2)

    def unlocked(*, now: Any, limit: int) -> list[OutboxMessage]:
        rows = list(OutboxMessage.objects.filter(state=0, next_attempt_at__lte=now).order_by("next_attempt_at")[:limit])
        both_have_read.wait(10)
        return rows

    monkeypatch.setattr(locks, "due", unlocked)
    add(50)
    claims = at_once(2, lambda: [row.id for row in relay.claim(limit=50)])
    assert set(claims[0]) & set(claims[1])


@pytest.mark.django_db(transaction=True)
def test_a_claim_passes_over_rows_that_another_relay_is_claiming() -> None:
    if not connection.features.has_select_for_update_skip_locked:
        pytest.fail("these tests need PostgreSQL or MariaDB")
    add(10)
    with transaction.atomic():
        mine = {row.id for row in locks.due(now=timezone.now(), limit=4)}
        (theirs,) = at_once(1, lambda: {row.id for row in relay.claim(limit=10)})
    assert len(theirs) == 6
    assert not mine & theirs
