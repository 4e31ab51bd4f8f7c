"""What billing relies on, on the fake and on the real simulator process: the same tests."""

import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card, Gateway, GatewayUnreachable, Outcome
from billing_site.payments.gateway.simulated import SimulatedGateway
from billing_site.payments.tests.fakes import FakeGateway

KEY = "a-key-of-the-gateway"


class Process:
    """The simulator, as it is started for real: on a free port, with a ledger on the disk."""

    def __init__(self, ledger: Path) -> None:
        self.ledger, self.port = ledger, 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "billing_site.payments.gateway.simulator", "--port", str(self.port)]
        command += ["--ledger", str(self.ledger), "--key", KEY, "--slow-seconds", "1.5", "--late-seconds", "1000"]
        self.running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.running.stdout is not None
        ready = re.search(r":(\d+)$", self.running.stdout.readline().strip())
        assert ready is not None
        self.port = int(ready[1])

    def stop(self) -> int:
        self.running.terminate()
        self.running.communicate(timeout=20)
        return self.running.returncode


@pytest.fixture
def process(tmp_path: Path, settings: Any) -> Iterator[Process]:
    found = Process(tmp_path / "ledger.sqlite3")
    settings.GATEWAY_URL = f"http://127.0.0.1:{found.port}"
    settings.GATEWAY_KEY = KEY
    settings.GATEWAY_TIMEOUT_SECONDS = 0.7
    yield found
    found.stop()


@pytest.fixture(params=["fake", "process"])
def any_gateway(request: pytest.FixtureRequest) -> Gateway:
    if request.param == "fake":
        return FakeGateway()
    request.getfixturevalue("process")
    return SimulatedGateway()


@pytest.fixture
def alive(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Starts the process again if it has died."""

    def again() -> None:
        if request.node.callspec.params.get("any_gateway") == "process":
            found: Process = request.getfixturevalue("process")
            found.running.communicate(timeout=10)
            assert found.running.returncode == simulator.DIED
            found.start()

    return again


def reference() -> str:
    return uuid.uuid4().hex[:24]


def test_an_ordinary_card_is_charged_and_found_again(any_gateway: Gateway) -> None:
    name = reference()
    assert any_gateway.charge(reference=name, amount=5000, card=Card(simulator.APPROVES)).outcome == Outcome.CAPTURED
    assert any_gateway.lookup(reference=name).outcome == Outcome.CAPTURED


def test_a_charge_is_made_once_however_often_it_is_asked(any_gateway: Gateway) -> None:
    name = reference()
    for _ in range(3):
        any_gateway.charge(reference=name, amount=5000, card=Card(simulator.APPROVES))
    twice = [any_gateway.refund(reference=reference(), charge=name, amount=5000).outcome for _ in range(2)]
    assert twice == [Outcome.CAPTURED, Outcome.DECLINED]


@pytest.mark.parametrize("number", [simulator.DECLINES, simulator.RAN_OUT])
def test_a_card_without_money_is_declined_with_a_reason(any_gateway: Gateway, number: str) -> None:
    name = reference()
    result = any_gateway.charge(reference=name, amount=5000, card=Card(number))
    assert (result.outcome, result.reason) == (Outcome.DECLINED, simulator.REASONS[number])
    assert any_gateway.lookup(reference=name).outcome == Outcome.DECLINED


def test_a_reference_that_was_never_sent_is_not_found(any_gateway: Gateway) -> None:
    assert any_gateway.lookup(reference=reference()).outcome == Outcome.NOT_FOUND


def test_a_slow_answer_is_unknown_and_the_money_is_found_afterwards(any_gateway: Gateway) -> None:
    name = reference()
    assert any_gateway.charge(reference=name, amount=5000, card=Card(simulator.SLOW)).outcome == Outcome.UNKNOWN
    assert any_gateway.lookup(reference=name).outcome == Outcome.CAPTURED


def test_a_gateway_that_dies_after_capturing_leaves_it_unknown_and_remembers(
    any_gateway: Gateway, alive: Callable[[], None]
) -> None:
    name = reference()
    assert any_gateway.charge(reference=name, amount=5000, card=Card(simulator.DIES)).outcome == Outcome.UNKNOWN
    alive()
    assert any_gateway.lookup(reference=name).outcome == Outcome.CAPTURED


def test_a_swallowed_request_is_unknown_and_then_not_found(any_gateway: Gateway) -> None:
    name = reference()
    assert any_gateway.charge(reference=name, amount=5000, card=Card(simulator.SWALLOWS)).outcome == Outcome.UNKNOWN
    assert any_gateway.lookup(reference=name).outcome == Outcome.NOT_FOUND


def test_a_late_capture_is_not_found_at_first(any_gateway: Gateway) -> None:
    name = reference()
    assert any_gateway.charge(reference=name, amount=5000, card=Card(simulator.LATE)).outcome == Outcome.UNKNOWN
    assert any_gateway.lookup(reference=name).outcome == Outcome.NOT_FOUND


def test_parts_are_refunded_until_nothing_is_left(any_gateway: Gateway) -> None:
    name = reference()
    any_gateway.charge(reference=name, amount=5000, card=Card(simulator.APPROVES))
    parts = [any_gateway.refund(reference=reference(), charge=name, amount=2500).outcome for _ in range(3)]
    assert parts == [Outcome.CAPTURED, Outcome.CAPTURED, Outcome.DECLINED]


def test_a_refund_is_made_once_however_often_it_is_asked(any_gateway: Gateway) -> None:
    name, back = reference(), reference()
    any_gateway.charge(reference=name, amount=5000, card=Card(simulator.APPROVES))
    for _ in range(3):
        assert any_gateway.refund(reference=back, charge=name, amount=2500).outcome == Outcome.CAPTURED
    assert any_gateway.refund(reference=reference(), charge=name, amount=2500).outcome == Outcome.CAPTURED


def test_a_card_may_refuse_refunds(any_gateway: Gateway) -> None:
    name = reference()
    any_gateway.charge(reference=name, amount=5000, card=Card(simulator.NO_REFUND))
    assert any_gateway.refund(reference=reference(), charge=name, amount=5000).outcome == Outcome.DECLINED


def test_a_refund_whose_answer_is_lost_is_done_when_it_is_asked_again(any_gateway: Gateway) -> None:
    name, back = reference(), reference()
    any_gateway.charge(reference=name, amount=5000, card=Card(simulator.SLOW_REFUND))
    outcomes = [any_gateway.refund(reference=back, charge=name, amount=5000).outcome for _ in range(2)]
    assert outcomes == [Outcome.UNKNOWN, Outcome.CAPTURED]


def test_the_ledger_survives_a_restart(process: Process) -> None:
    name = reference()
    SimulatedGateway().charge(reference=name, amount=5000, card=Card(simulator.APPROVES))
    assert process.stop() == 0
    process.start()
    assert SimulatedGateway().lookup(reference=name).outcome == Outcome.CAPTURED
    sums = requests.get(f"http://127.0.0.1:{process.port}/ledger", headers={"X-Api-Key": KEY}, timeout=5).json()
    assert (sums["captured"], sums["refunded"]) == (5000, 0)


def test_a_gateway_that_does_not_run_was_never_reached(process: Process) -> None:
    process.stop()
    with pytest.raises(GatewayUnreachable):
        SimulatedGateway().charge(reference=reference(), amount=5000, card=Card(simulator.APPROVES))
    assert SimulatedGateway().lookup(reference=reference()).outcome == Outcome.UNKNOWN


def test_a_wrong_key_is_unknown_and_charges_nothing(process: Process, settings: Any) -> None:
    name = reference()
    settings.GATEWAY_KEY = "another"
    assert (
        SimulatedGateway().charge(reference=name, amount=5000, card=Card(simulator.APPROVES)).outcome == Outcome.UNKNOWN
    )
    settings.GATEWAY_KEY = KEY
    assert SimulatedGateway().lookup(reference=name).outcome == Outcome.NOT_FOUND


def test_the_page_lists_every_card(process: Process) -> None:
    page = requests.get(f"http://127.0.0.1:{process.port}/", timeout=5).text.replace(" ", "")
    cards = [value for name, value in vars(simulator).items() if name.isupper() and str(value).startswith("4")]
    assert len(cards) >= 9
    assert all(card in page for card in cards)


def test_what_is_no_request_is_refused(process: Process) -> None:
    def post(body: bytes) -> int:
        url, headers = f"http://127.0.0.1:{process.port}/charges", {"X-Api-Key": KEY}
        return requests.post(url, data=body, headers=headers, timeout=5).status_code

    assert [post(body) for body in (b"[]", b"{", b'{"reference": "a"}', b'{"reference":"a","amount":-1}')] == [400] * 4
    assert post(b"x" * 20_000) == 400


def test_a_card_is_never_printed() -> None:
    assert "4111" not in repr(Card(simulator.APPROVES, "12/30", "123"))
