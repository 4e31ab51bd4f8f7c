"""Private servers and the whole stack, started once for all tests from outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.environments import Ports, Secrets
from deploy.local.servers import Servers
from deploy.local.stack import Stack
from tests.browser import SIZES
from tests.world import MAKE_STAFF, World


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-size", action="store_true", help="each story in the browser on a phone and on a desk")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A story is told on a phone, unless it says where itself; with --every-size on a desk too."""
    says = {mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")} | vars(metafunc.module).keys()
    if metafunc.config.option.every_size and "page" in metafunc.fixturenames and "page" not in says:
        metafunc.parametrize("page", list(SIZES), indirect=True)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers of our own, for the tests here kill them and delete their data."""
    with Servers(tmp_path_factory.mktemp("servers")) as found:
        yield found


@pytest.fixture(scope="session")
def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All programs, on those servers."""
    folder: Path = tmp_path_factory.mktemp("stack")
    ports, secrets = Ports.free(), Secrets(folder / "secrets.env")

    def callers(*names: str) -> str:
        return ",".join(f"{name}:{secrets[f'{name.upper()}_SERVICE_KEY']}" for name in names)

    # The two sites ask each other when one heals, each with a key of its own.
    for_healing = {
        "reservations": {
            "RESERVATIONS_SERVICE_KEYS": callers("portal", "worker", "billing"),
            "RESERVATIONS_BILLING_URL": ports.url("billing"),
            "RESERVATIONS_SERVICE_KEY": secrets["RESERVATIONS_SERVICE_KEY"],
        },
        "billing": {
            "BILLING_SERVICE_KEYS": callers("portal", "worker", "reservations"),
            "BILLING_RESERVATIONS_URL": ports.url("reservations"),
            "BILLING_SERVICE_KEY": secrets["BILLING_SERVICE_KEY"],
        },
    }
    extra = {
        "*": {"LOG_LEVEL": "INFO"},
        # The tests come from one address, and ask far more often than any buyer.
        "reservations": {"RESERVATIONS_THROTTLE": "1000000/min", **for_healing["reservations"]},
        "billing": {
            "BILLING_GATEWAY_TIMEOUT_SECONDS": "2",
            "BILLING_ATTEMPT_TTL_SECONDS": "15",
            **for_healing["billing"],
        },
        "billing-jobs": {"BILLING_GATEWAY_TIMEOUT_SECONDS": "2", "BILLING_ATTEMPT_TTL_SECONDS": "15"},
    }
    with Stack.on_servers(
        folder, servers, data="none", web_workers=2, ports=ports, extra=extra, without=["flower"]
    ) as found:
        found.manage("billing", "shell", "-v0", "-c", MAKE_STAFF)
        yield found


@pytest.fixture(scope="session")
def world(stack: Stack, servers: Servers) -> World:
    return World(stack, servers)
