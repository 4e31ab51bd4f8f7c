"""What the messages on the dead-letter queue stand for."""

import base64
import json
import threading
from typing import Any

import pytest

from middleware_worker import broker, dead_letters
from middleware_worker.dead_letters import DeadLetter, Dropped
from middleware_worker.ingress import DeadLetters


def carry(source: Any, messages: Any) -> bytes:
    return json.dumps([[], {"source": source, "messages": messages}, {}]).encode()


def headers(reason: str, queue: str = broker.OUTSIDE) -> dict[str, Any]:
    return {"task": broker.CARRY_TASK, "id": "task-1", "x-death": [{"reason": reason, "queue": queue, "count": 1}]}


def test_our_own_dead_letter_comes_back_as_it_was_sent() -> None:
    letter = DeadLetter.of(b"x" * 70_000, queue="new_ticket", code="too_large", reason="70000 bytes")
    assert dead_letters.read(letter.body, letter.headers()) == [letter]
    assert (letter.size, len(letter.body)) == (70_000, 65_536)


def test_outside_tickets_of_a_lost_batch_are_one_dead_letter_each_and_the_same_ones_when_read_again() -> None:
    body = carry("outside", [{"id": "A"}, {"id": "B"}])
    found = dead_letters.read(body, headers("delivery_limit"))
    assert isinstance(found, list)
    assert [(letter.code, letter.queue, json.loads(letter.body)["id"]) for letter in found] == [
        ("delivery_limit", broker.OUTSIDE, "A"),
        ("delivery_limit", broker.OUTSIDE, "B"),
    ]
    assert found == dead_letters.read(body, headers("delivery_limit"))


@pytest.mark.parametrize("source", ["reservations", "billing"])
@pytest.mark.parametrize("reason", ["delivery_limit", "expired", "rejected"])
def test_messages_of_an_outbox_are_dropped_for_their_rows_are_open(source: str, reason: str) -> None:
    found = dead_letters.read(carry(source, [{"id": "m"}]), headers(reason, broker.TO_BILLING))
    assert found == Dropped(source, reason, ("m",))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"[]",
        b"[1,2,3]",
        b'[[],{"source":"outside"},{}]',
        carry("outside", "text"),
        carry("outside", []),
    ],
)
def test_a_task_that_cannot_be_read_is_kept_whole(body: bytes) -> None:
    (letter,) = dead_letters.read(body, headers("rejected"))
    assert letter.body == body


@pytest.mark.parametrize("found", [{}, {"x-death": None}, {"x-death": []}, {"x-death": ["x"]}, {"x-death": "x"}])
def test_a_message_without_a_story_is_kept_whole(found: dict[str, Any]) -> None:
    (letter,) = dead_letters.read(b"\xff", found)
    assert (letter.body, letter.code, letter.queue) == (b"\xff", "unknown", broker.DEAD_LETTERS)
    assert base64.b64decode(letter.as_json()["body_base64"]) == b"\xff"


def test_what_a_policy_dead_lettered_from_new_ticket_is_kept_under_that_queue() -> None:
    (letter,) = dead_letters.read(b"x", {"x-death": [{"reason": "delivery_limit", "queue": "new_ticket"}]})
    assert (letter.queue, letter.code) == ("new_ticket", "delivery_limit")


def test_a_reason_with_halves_of_characters_can_be_sent() -> None:
    letter = DeadLetter.of(b"", queue="q", code="c", reason="\ud800 \x00")
    assert letter.headers()["x-reason"].encode("utf-8") == b"\\ud800 \\x00"


def test_a_message_that_kills_workers_again_and_again_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    consumer = DeadLetters(connect=lambda: None, stop=threading.Event())
    consumer._drop(Dropped("reservations", "delivery_limit", ("m1", "m2")))
    assert "again and again" not in caplog.text
    consumer._drop(Dropped("reservations", "delivery_limit", ("m2",)))
    assert "message m2 of reservations kills workers again and again" in caplog.text
    assert "message m1" not in caplog.text


def test_dead_letters_are_cut_into_calls_that_billing_takes() -> None:
    consumer = DeadLetters(connect=lambda: None, stop=threading.Event())
    letters = [DeadLetter.of(b"x" * 65_536, queue="q", code="c", reason="r") for _ in range(20)]
    sizes = []
    while letters:
        call, letters = consumer._one_call(letters)
        sizes.append(sum(len(json.dumps(letter.as_json())) for letter in call))
    assert max(sizes) < 1_000_000
