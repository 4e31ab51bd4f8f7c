"""Messages late, doubled, lost and in the wrong order: the whole saga, driven by Hypothesis.

The two sites are real, with their databases; the test takes the place of the relays, the broker and
the worker. Whatever was ever sent may be delivered never, once, twice, late and in any order, and so may
each answer. After every step the invariants that always hold are checked; at the end everything is
carried and all of them are.
"""

import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from middleware_worker.contract.credentials import ServiceAuth
from tests import invariants
from tests.world import APPROVED, DECLINED, Site, Staff, World

CARRIERS = ("reservations-relay", "billing-relay", "reservations-jobs", "billing-jobs", "worker")
OPEN = "select id, type, payload from outbox_outboxmessage where state = 0"
SEATS_A_RUN = 2


class Carrier:
    """Relay, broker and worker in the hands of the test."""

    def __init__(self, world: World) -> None:
        key = world.secrets["WORKER_SERVICE_KEY"]
        self.databases = world.databases
        self.sites = {
            name: Site(world.stack.url(name), ServiceAuth(caller="worker", audience=name, key=key))
            for name in ("reservations", "billing")
        }
        self.sent: dict[str, tuple[str, dict[str, Any]]] = {}
        self.answers: list[tuple[str, dict[str, Any]]] = []

    def look(self) -> list[str]:
        """Publishes what is open in either outbox; the ids of all messages that are open now."""
        still_open = []
        for source in self.sites:
            for row_id, kind, payload in getattr(self.databases, f"{source}_rows")(OPEN):
                body = json.loads(payload) if isinstance(payload, str) else payload
                message = {**body, "id": str(uuid.UUID(str(row_id))), "type": kind}
                self.sent[message["id"]] = (source, message)
                still_open.append(message["id"])
        return still_open

    def deliver(self, *ids: str) -> None:
        """Brings messages of one source to the other site; its answers wait to be brought back."""
        for source in self.sites:
            batch = [self.sent[one][1] for one in ids if self.sent[one][0] == source]
            if batch:
                target = self.sites["billing" if source == "reservations" else "reservations"]
                found = target.call("POST", "/api/internal/messages", {"messages": batch})
                assert found.status == 200, found.body
                self.answers += [(source, answer) for answer in found.body["answers"]]

    def bring_back(self, *which: int) -> None:
        for index in which:
            source, answer = self.answers[index % len(self.answers)]
            found = self.sites[source].call("POST", "/api/internal/receipts", {"receipts": [answer]})
            assert found.status == 200, found.body

    def drain(self) -> None:
        """Carries everything, as the real carriers would, until nothing is open."""
        for _round in range(30):
            still_open = self.look()
            if not still_open:
                return
            before = len(self.answers)
            self.deliver(*still_open)
            self.bring_back(*range(before, len(self.answers)))
        raise AssertionError(f"never quiet: {self.look()}")


class Saga(RuleBasedStateMachine):
    world: World
    staff: Staff
    seats: list[int]

    @initialize()
    def begin(self) -> None:
        self.carrier = Carrier(self.world)
        self.mine = [type(self).seats.pop() for _ in range(SEATS_A_RUN)]
        self.codes: list[str] = []
        self.tickets: list[str] = []

    @rule(which=st.lists(st.integers(0, SEATS_A_RUN - 1), min_size=1, max_size=SEATS_A_RUN, unique=True))
    def reserve(self, which: list[int]) -> None:
        answer = self.world.reserve(*[self.mine[index] for index in which])
        assert answer.status in (201, 409), answer.body
        if answer.status == 201:
            self.codes.append(answer.body["code"])
            self.tickets += [seat["ticket_id"] for seat in answer.body["seats"]]
        note(f"reserve {which}: {answer.status}")

    @precondition(lambda self: self.codes)
    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        answer = self.world.cancel(self.codes[which % len(self.codes)])
        assert answer.status in (202, 409), answer.body

    @precondition(lambda self: self.codes)
    @rule(which=st.integers(0, 9), card=st.sampled_from([APPROVED, APPROVED, DECLINED]))
    def pay(self, which: int, card: str) -> None:
        answer = self.world.pay(self.codes[which % len(self.codes)], card)
        assert answer.status in (200, 402, 404, 409), answer.body

    @precondition(lambda self: self.tickets)
    @rule(which=st.integers(0, 9))
    def refund(self, which: int) -> None:
        answer = self.staff.refund(self.tickets[which % len(self.tickets)])
        assert answer.status in (200, 404, 409), answer.body

    @precondition(lambda self: self.tickets)
    @rule(which=st.integers(0, 9))
    def check_in(self, which: int) -> None:
        answer = self.staff.check_in(self.tickets[which % len(self.tickets)])
        assert answer.status in (200, 404, 409), answer.body

    @rule(data=st.data())
    def deliver_something(self, data: st.DataObject) -> None:
        self.carrier.look()
        if self.carrier.sent:
            ids = list(self.carrier.sent)
            picked = data.draw(st.lists(st.integers(0, len(ids) - 1), min_size=1, max_size=4))
            self.carrier.deliver(*[ids[index] for index in picked])

    @precondition(lambda self: self.carrier.answers)
    @rule(which=st.lists(st.integers(0, 50), min_size=1, max_size=4))
    def bring_back_answers(self, which: list[int]) -> None:
        self.carrier.bring_back(*which)

    @invariant()
    def what_always_holds(self) -> None:
        assert invariants.always(self.world.databases) == []

    def teardown(self) -> None:
        if not hasattr(self, "carrier"):
            return
        self.carrier.drain()
        lines = [t for t, *_rest in self.world.databases.reservations_rows(invariants.LINES)]
        assert set(self.tickets) <= set(lines)
        left = [found for found in invariants.at_rest(self.world.databases) if not found.startswith(("refund", "7:"))]
        assert left == []


@pytest.fixture
def saga(world: World) -> type[Saga]:
    """The machine, on seats of its own, with the real carriers stopped."""
    world.at_rest()

    class OnThisWorld(Saga):
        pass

    OnThisWorld.world, OnThisWorld.staff = world, world.staff()
    _event, OnThisWorld.seats = world.make_event(seats=40, rows=25, price=1_000)
    with world.without(*CARRIERS):
        yield OnThisWorld


def test_the_whole_saga_under_a_network_that_loses_doubles_and_reorders(saga: type[Saga], world: World) -> None:
    run_state_machine_as_test(
        saga,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            derandomize=False,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )


@pytest.fixture(autouse=True)
def _money_is_settled_afterwards(world: World) -> Any:
    """The refunds that the machine asked for are made when the jobs run again; then money must match too."""
    yield
    world.at_rest()
