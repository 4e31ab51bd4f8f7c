"""What each program finds in its environment: its own addresses and secrets, no one else's."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

from deploy.local.ports import LOOPBACK, free_port

ROOT = Path(__file__).resolve().parents[2]
# For Flower, which reads the worker's settings but calls no site, and so gets no key to any.
NO_KEY = "this-program-has-no-service-key"
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Ports:
    """Where each program listens; the defaults are those of the model."""

    portal: int = 5003
    billing: int = 5002
    reservations: int = 8083
    middleware: int = 8000
    gateway: int = 5010
    flower: int = 5555

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The defaults, moved by PORTAL_PORT, BILLING_PORT and so on."""
        moved: dict[str, int] = {}
        for port in fields(cls):
            variable = cls.variable(port.name)
            if text := environment.get(variable, "").strip():
                if not text.isdigit() or not 0 < int(text) < 65536:
                    raise ValueError(f"{variable} must be a port number, not {text!r}.")
                moved[port.name] = int(text)
        return replace(cls(), **moved)

    @classmethod
    def free(cls) -> Self:
        """Ports that nobody uses, for a stack beside another."""
        return cls(**{port.name: free_port() for port in fields(cls)})

    @staticmethod
    def variable(name: str) -> str:
        """The variable that moves a program's port."""
        return f"{name.upper()}_PORT"

    def items(self) -> list[tuple[str, int]]:
        return [(port.name, getattr(self, port.name)) for port in fields(self)]

    def url(self, name: str, path: str = "") -> str:
        return f"http://{LOOPBACK}:{getattr(self, name)}{path}"


@dataclass(frozen=True)
class Backends:
    """The databases and the broker, as addresses."""

    reservations: str
    billing: str
    portal: str
    broker: str
    sellers_broker: str = ""
    broker_folder: str = ""
    reservations_replica: str = ""
    billing_replica: str = ""

    @classmethod
    def embedded(cls, folder: Path) -> Self:
        """SQLite files and a broker that is a folder: nothing to install."""
        data = folder.resolve() / "data"
        data.mkdir(parents=True, exist_ok=True)
        return cls(
            reservations=f"sqlite:///{data}/reservations.sqlite3",
            billing=f"sqlite:///{data}/billing.sqlite3",
            portal=f"sqlite:///{data}/portal.sqlite3",
            broker="filesystem://",
            broker_folder=str(data / "broker"),
        )

    @property
    def is_embedded(self) -> bool:
        return self.broker.startswith("filesystem:")


class Secrets:
    """Random secrets, made once and kept in a file that only we may read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, str] = {}
        if file.exists():
            lines = (line.partition("=") for line in file.read_text().splitlines() if "=" in line)
            self._known = {name: value for name, _, value in lines}

    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            # An Ed25519 seed is 32 bytes in plain base64, which serves as any other secret too.
            made = base64.b64encode(secrets.token_bytes(32)).decode() if "SEED" in name else secrets.token_urlsafe(32)
            self._known[name] = made
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch(0o600)
            self._file.write_text("".join(f"{key}={value}\n" for key, value in sorted(self._known.items())))
        return self._known[name]


class Environments:
    """The whole environment of each program. Nothing of ours leaks in but PATH, HOME, language.

    `extra` holds variables for one program by its name, or for all under `*`.
    """

    def __init__(
        self,
        *,
        folder: Path,
        ports: Ports,
        backends: Backends,
        extra: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.mail = self.folder / "mail"
        self.secrets = Secrets(self.folder / "secrets.env")
        self._ports = ports
        self._backends = backends
        self._extra = extra or {}

    def of(self, program: str) -> dict[str, str]:
        """The environment of one program (a name of `Stack.programs`)."""
        base = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        own = getattr(self, f"_{program.replace('-', '_')}")()
        return {
            **base,
            "PYTHONUNBUFFERED": "1",
            "DEBUG": "False",
            "INSTANCE": program,
            "METRICS_TOKEN": self.secrets["METRICS_TOKEN"],
            **own,
            **self._extra.get("*", {}),
            **self._extra.get(program, {}),
        }

    def _reservations(self) -> dict[str, str]:
        own = {
            "RESERVATIONS_SECRET_KEY": self.secrets["RESERVATIONS_SECRET_KEY"],
            "RESERVATIONS_DATABASE_URL": self._backends.reservations,
            "RESERVATIONS_ALLOWED_HOSTS": f"{LOOPBACK},localhost",
            "RESERVATIONS_SERVICE_KEYS": self._callers("portal", "worker", "billing"),
            # The sites ask each other, each with a key of its own, when one heals.
            "RESERVATIONS_BILLING_URL": self._ports.url("billing"),
            "RESERVATIONS_SERVICE_KEY": self.secrets["RESERVATIONS_SERVICE_KEY"],
        }
        if self._backends.reservations_replica:
            own["RESERVATIONS_REPLICA_URL"] = self._backends.reservations_replica
        return own

    def _reservations_relay(self) -> dict[str, str]:
        return {**self._reservations(), **self._broker()}

    def _reservations_jobs(self) -> dict[str, str]:
        return self._reservations()

    def _billing(self) -> dict[str, str]:
        self.mail.mkdir(parents=True, exist_ok=True)
        own = {
            "BILLING_SECRET_KEY": self.secrets["BILLING_SECRET_KEY"],
            "BILLING_DATABASE_URL": self._backends.billing,
            # No replica is waited for here, and a busy machine is slow.
            "BILLING_DATABASE_PATIENCE_SECONDS": "60",
            "BILLING_ALLOWED_HOSTS": f"{LOOPBACK},localhost",
            "BILLING_SERVICE_KEYS": self._callers("portal", "worker", "reservations"),
            "BILLING_RESERVATIONS_URL": self._ports.url("reservations"),
            "BILLING_MIDDLEWARE_URL": self._ports.url("middleware"),
            "BILLING_SERVICE_KEY": self.secrets["BILLING_SERVICE_KEY"],
            "BILLING_GATEWAY_URL": self._ports.url("gateway"),
            "BILLING_GATEWAY_KEY": self.secrets["BILLING_GATEWAY_KEY"],
            "BILLING_TICKET_KEYS": f"k1:{self.secrets['BILLING_TICKET_SEED']}",
            "BILLING_EMAIL_URL": f"filemail:///{self.mail}",
            "BILLING_DEFAULT_FROM_EMAIL": "TicketFlow <boletos@ticketflow.example>",
            "BILLING_PORTAL_URL": self._ports.url("portal"),
        }
        if self._backends.billing_replica:
            own["BILLING_REPLICA_URL"] = self._backends.billing_replica
        return own

    def _billing_relay(self) -> dict[str, str]:
        return {**self._billing(), **self._broker()}

    def _billing_jobs(self) -> dict[str, str]:
        return self._billing()

    def _gateway(self) -> dict[str, str]:
        return {"BILLING_GATEWAY_KEY": self.secrets["BILLING_GATEWAY_KEY"]}

    def _portal(self) -> dict[str, str]:
        return {
            "PORTAL_SECRET_KEY": self.secrets["PORTAL_SECRET_KEY"],
            "PORTAL_DATABASE_URL": self._backends.portal,
            "PORTAL_ALLOWED_HOSTS": f"{LOOPBACK},localhost",
            "PORTAL_RESERVATIONS_URL": self._ports.url("reservations"),
            "PORTAL_BILLING_URL": self._ports.url("billing"),
            "PORTAL_SERVICE_KEY": self.secrets["PORTAL_SERVICE_KEY"],
            "PORTAL_SHOW_TEST_CARDS": "True",  # the gateway here is always the simulator
        }

    def _portal_jobs(self) -> dict[str, str]:
        return self._portal()

    def _middleware(self) -> dict[str, str]:
        return {
            "MIDDLEWARE_SECRET_KEY": self.secrets["MIDDLEWARE_SECRET_KEY"],
            "MIDDLEWARE_SERVICE_KEYS": self._callers("seller", "operator"),
            "MIDDLEWARE_ALLOWED_HOSTS": f"{LOOPBACK},localhost",
            **self._worker(),
        }

    def _worker(self) -> dict[str, str]:
        return {
            "MIDDLEWARE_RESERVATIONS_URL": self._ports.url("reservations"),
            "MIDDLEWARE_BILLING_URL": self._ports.url("billing"),
            "MIDDLEWARE_SERVICE_KEY": self.secrets["WORKER_SERVICE_KEY"],
            **self._broker(),
        }

    def _ingress(self) -> dict[str, str]:
        # It stores dead letters in billing, as the worker; reservations it never calls.
        return {
            "MIDDLEWARE_BILLING_URL": self._ports.url("billing"),
            "MIDDLEWARE_SERVICE_KEY": self.secrets["WORKER_SERVICE_KEY"],
            **self._broker(),
        }

    def _flower(self) -> dict[str, str]:
        own = {**self._broker(), "MIDDLEWARE_SERVICE_KEY": NO_KEY}
        return {**own, "FLOWER_BASIC_AUTH": f"flower:{self.secrets['FLOWER_PASSWORD']}"}

    def _broker(self) -> dict[str, str]:
        broker = {"BROKER_URL": self._backends.broker}
        if self._backends.sellers_broker:
            broker["SELLERS_BROKER_URL"] = self._backends.sellers_broker
        if self._backends.broker_folder:
            broker["BROKER_FOLDER"] = self._backends.broker_folder
        return broker

    def _callers(self, *names: str) -> str:
        """The accepted callers and their keys, as a site's SERVICE_KEYS wants them."""
        return ",".join(f"{name}:{self.secrets[f'{name.upper()}_SERVICE_KEY']}" for name in names)
