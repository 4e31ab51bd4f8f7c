"""Carrying a batch: messages to one site, its answers to the other."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from middleware_worker import broker
from middleware_worker.clients import Refused, Unreachable
from middleware_worker.contract.messages import Answer
from middleware_worker.dead_letters import DeadLetter

log = logging.getLogger(__name__)

Message = dict[str, Any]


class Receiver(Protocol):
    def deliver(self, batch: Sequence[Message]) -> list[Answer]: ...


class Sender(Protocol):
    def settle(self, receipts: Sequence[Answer]) -> int: ...


class Letters(Protocol):
    def dead_letter(self, letter: DeadLetter) -> None: ...


def deliver(receiver: Receiver, batch: Sequence[Message]) -> list[Answer]:
    """An answer for every message, `retry` for those that the receiver did not get.

    A batch that is refused as a whole is halved until the message at fault stands alone: only that
    one is rejected. Once the receiver cannot be reached, the rest is not tried.
    """
    answers: list[Answer] = []
    parts = [list(batch)]
    while parts:
        part = parts.pop()
        try:
            answers += _of(part, receiver.deliver(part))
        except Refused as refused:
            if len(part) == 1:
                answers.append(Answer(id=part[0]["id"], result="rejected", code=refused.code, error=refused.error))
            else:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
        except Unreachable as error:
            left = [message for some in ([part], reversed(parts)) for others in some for message in others]
            return answers + [Answer(id=message["id"], result="retry", error=str(error)) for message in left]
    return answers


def _of(part: Sequence[Message], answers: Iterable[Answer]) -> list[Answer]:
    """The answers to these messages; one that the receiver forgot is asked again."""
    by_id = {answer.id: answer for answer in answers}
    return [
        by_id.get(message["id"]) or Answer(id=message["id"], result="retry", error="the receiver gave no answer")
        for message in part
    ]


def carry_from_outbox(batch: Sequence[Message], *, receiver: Receiver, sender: Sender) -> list[Answer]:
    """Delivers, and brings the receipts to the outbox they came from.

    Nothing is lost when either side is away: a row stays open until its receipt, and is sent again.
    """
    answers = deliver(receiver, batch)
    try:
        sender.settle(answers)
    except (Unreachable, Refused) as error:
        log.warning("receipts of %d messages are not brought: %s; the relay sends them again", len(answers), error)
    return answers


def rounds(batch: Sequence[Message]) -> list[list[Message]]:
    """The batch in order, cut so that no id is twice in one part: answers are told apart by id."""
    parts: list[list[Message]] = []
    seen: list[set[str]] = []
    for message in batch:
        number = next((n for n, ids in enumerate(seen) if message["id"] not in ids), len(seen))
        if number == len(seen):
            parts.append([])
            seen.append(set())
        parts[number].append(message)
        seen[number].add(message["id"])
    return parts


def carry_from_outside(
    batch: Sequence[Message], *, receiver: Receiver, letters: Letters, delivery: str
) -> tuple[list[Message], str]:
    """Delivers once; (what has to be tried again, why).

    A message that billing rejects becomes a dead letter with its reason. Done is done: the same
    message again changes nothing there.
    """
    left: list[Message] = []
    why = ""
    for part in rounds(batch):
        if why:
            # In order: what comes after a message that waits, waits too.
            left += part
            continue
        by_id = {answer.id: answer for answer in deliver(receiver, part)}
        for message in part:
            answer = by_id[message["id"]]
            if answer.result == "rejected":
                letters.dead_letter(rejected(message, answer, delivery=delivery))
            elif answer.result != "done":
                left.append(message)
                why = answer.error or answer.code or answer.result
    return left, why


def rejected(message: Message, answer: Answer, *, delivery: str) -> DeadLetter:
    """A message that billing refused, as a dead letter; the same delivery gives the same one."""
    body = json.dumps({key: value for key, value in message.items() if key != "type"}, sort_keys=True)
    return DeadLetter.of(
        body.encode(),
        queue=broker.OUTSIDE,
        code=answer.code[:40] or "rejected",
        reason=answer.error or answer.code,
        delivery_id=f"{delivery}-{answer.id}"[:100],
    )


def count(answers: Iterable[Answer]) -> str:
    """ "98 done, 2 rejected", for the log."""
    totals: dict[str, int] = {}
    for answer in answers:
        totals[answer.result] = totals.get(answer.result, 0) + 1
    return ", ".join(f"{number} {result}" for result, number in sorted(totals.items())) or "nothing"


Stopping = Callable[[], bool]
