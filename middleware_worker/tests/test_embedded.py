"""The embedded broker, a folder of files: the same programs, the same way of a ticket; and Flower on both."""

import base64
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from kombu.transport.filesystem import Transport

from middleware_worker import broker
from middleware_worker.gateway.health import Watch
from middleware_worker.publishing import Publisher
from middleware_worker.tests import processes
from middleware_worker.tests.conftest import Rabbit
from middleware_worker.tests.processes import Program
from middleware_worker.tests.stubs import StubSite

Start = Callable[[Program], Program]


@pytest.fixture
def folder(tmp_path: Path, env: dict[str, str]) -> str:
    env.update(BROKER_URL="filesystem://", BROKER_FOLDER=str(tmp_path))
    # kombu remembers for the whole process which queues are bound, whatever the folder.
    Transport.global_state.clear()
    return str(tmp_path)


@pytest.fixture
def publisher(folder: str) -> Iterator[Publisher]:
    found = Publisher("filesystem://", folder)
    yield found
    found.close()


def until(what: str, look: Callable[[], Any], *, seconds: float = 30) -> Any:
    """The first true thing that `look` finds."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < deadline:
        if found := look():
            return found
        pause.wait(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def test_the_whole_way_works_over_a_folder(
    env: dict[str, str], publisher: Publisher, folder: str, start: Start, billing: StubSite, reservations: StubSite
) -> None:
    start(processes.worker(env)).wait_for("ready.")
    start(processes.ingress(env)).wait_for("new_ticket: consuming")
    publisher.carry(
        source="reservations", messages=[{"id": "m"}], queue=broker.TO_BILLING, lifetime=timedelta(minutes=1)
    )
    reservations.wait_for(lambda: [r["result"] for r in reservations.receipts] == ["done"], "the receipt")
    good = {"id": "EXT-1", "rut": 1, "price": 5, "event": "E"}
    with broker.connection("filesystem://", folder) as connection:
        channel = connection.default_channel
        for body in (json.dumps(good), "garbage"):
            channel.basic_publish(channel.prepare_message(body), "", broker.NEW_TICKET)
    billing.wait_for(
        lambda: bool(billing.dead_letters) and len(billing.messages) == 2, "the ticket and the dead letter"
    )
    assert billing.messages[1]["id"] == "EXT-1"
    assert base64.b64decode(billing.dead_letters[0]["body_base64"]) == b"garbage"
    watch = Watch("filesystem://", folder)
    assert until("health", lambda: watch.look().carries)


def test_what_outlived_its_lifetime_in_the_folder_is_not_carried(
    env: dict[str, str], publisher: Publisher, start: Start, billing: StubSite
) -> None:
    publisher.carry(source="reservations", messages=[{"id": "old"}], queue=broker.TO_BILLING, lifetime=timedelta())
    publisher.carry(source="reservations", messages=[{"id": "new"}], queue=broker.TO_BILLING)
    start(processes.worker(env, concurrency=1))
    billing.wait_for(lambda: bool(billing.messages), "the message")
    assert [m["id"] for m in billing.messages] == ["new"]


@pytest.mark.parametrize("transport", ["rabbitmq", "folder"])
def test_flower_asks_for_a_password_and_shows_the_worker(
    transport: str, env: dict[str, str], start: Start, rabbit: Rabbit, tmp_path: Path
) -> None:
    if transport == "folder":
        env.update(BROKER_URL="filesystem://", BROKER_FOLDER=str(tmp_path))
    start(processes.worker(env)).wait_for("ready.")
    port = free_port()
    password = uuid.uuid4().hex
    flower = ("-A", "middleware_worker.worker", "flower", f"--port={port}", "--address=127.0.0.1")
    start(Program("celery", *flower, env={**env, "FLOWER_BASIC_AUTH": f"flower:{password}"}))
    session = requests.Session()
    session.trust_env = False

    def workers(auth: tuple[str, str] | None) -> requests.Response | None:
        try:
            return session.get(f"http://127.0.0.1:{port}/api/workers?refresh=1", auth=auth, timeout=10)
        except requests.ConnectionError:
            return None

    until("Flower answers", lambda: workers(None) is not None)
    assert session.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 401
    assert workers(None).status_code == 401

    def shown() -> list[str]:
        return [name for name in workers(("flower", password)).json() if name.startswith("ticketflow@")]

    assert until("the worker in Flower", shown)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
