"""How a batch is split, answered and kept, without a broker."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from middleware_worker import carrying
from middleware_worker.clients import Refused, Unreachable
from middleware_worker.contract.messages import Answer
from middleware_worker.dead_letters import DeadLetter


class Receiver:
    """Refuses every batch with a bad id in it, is away after `calls_left`, forgets some ids."""

    def __init__(self, *, bad: Any = (), calls_left: int = 10**6, forgets: Any = (), rejects: Any = ()) -> None:
        self.bad, self.calls_left, self.forgets, self.rejects = set(bad), calls_left, set(forgets), set(rejects)
        self.taken: list[dict[str, Any]] = []

    def deliver(self, batch: Sequence[dict[str, Any]]) -> list[Answer]:
        if not self.calls_left:
            raise Unreachable("away")
        self.calls_left -= 1
        if self.bad & {m["id"] for m in batch}:
            raise Refused(400, "invalid", "no")
        self.taken += batch
        return [
            Answer(id=m["id"], result="rejected" if m["id"] in self.rejects else "done")
            for m in batch
            if m["id"] not in self.forgets
        ]


class Letters(list[DeadLetter]):
    def dead_letter(self, letter: DeadLetter) -> None:
        self.append(letter)


IDS = st.integers(0, 30).map(str)


@given(ids=st.sets(IDS, min_size=1), bad=st.sets(IDS), forgets=st.sets(IDS), calls=st.integers(0, 40))
def test_every_message_gets_exactly_one_answer_and_only_bad_ones_are_rejected(ids, bad, forgets, calls) -> None:
    receiver = Receiver(bad=bad, forgets=forgets, calls_left=calls)
    answers = carrying.deliver(receiver, [{"id": name} for name in ids])
    assert sorted(answer.id for answer in answers) == sorted(ids)
    for answer in answers:
        if answer.result == "rejected":
            assert answer.id in bad
        if answer.result == "done":
            assert answer.id in {m["id"] for m in receiver.taken}
        if answer.result == "retry":
            assert answer.id in forgets or not receiver.calls_left


@given(ids=st.lists(IDS, min_size=1, max_size=20), calls=st.integers(0, 6), rejects=st.sets(IDS))
def test_an_outside_message_is_done_dead_or_left_and_never_lost(ids, calls, rejects) -> None:
    batch = [{"id": name, "n": n} for n, name in enumerate(ids)]
    receiver, letters = Receiver(calls_left=calls, rejects=rejects), Letters()
    left, why = carrying.carry_from_outside(batch, receiver=receiver, letters=letters, delivery="d")
    assert bool(left) == bool(why)
    taken = {m["n"] for m in receiver.taken}
    assert sorted([*taken, *(m["n"] for m in left)]) == list(range(len(ids)))
    assert len(letters) == sum(m["id"] in rejects for m in receiver.taken)


@given(ids=st.lists(IDS, max_size=30))
def test_rounds_keep_every_message_and_the_order_of_those_with_one_id(ids) -> None:
    parts = carrying.rounds([{"id": name, "n": n} for n, name in enumerate(ids)])
    assert all(len({m["id"] for m in part}) == len(part) for part in parts)
    flat = [m for part in parts for m in part]
    assert sorted(m["n"] for m in flat) == list(range(len(ids)))
    for name in set(ids):
        numbers = [m["n"] for m in flat if m["id"] == name]
        assert numbers == sorted(numbers)


def test_receipts_that_cannot_be_brought_are_no_error() -> None:
    class Away:
        def settle(self, receipts: Sequence[Answer]) -> int:
            raise Unreachable("away")

    answers = carrying.carry_from_outbox([{"id": "a"}], receiver=Receiver(), sender=Away())
    assert [answer.result for answer in answers] == ["done"]


def test_the_same_rejection_of_the_same_delivery_is_the_same_dead_letter() -> None:
    answer = Answer(id="A", result="rejected", code="conflict", error="otro")
    message = {"type": "ticket.outside", "id": "A", "price": 1}
    assert carrying.rejected(message, answer, delivery="t") == carrying.rejected(message, answer, delivery="t")
