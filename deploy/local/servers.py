"""Private PostgreSQL, MariaDB and RabbitMQ from the machine's installed programs.

    with Servers(Path(".test/servers")) as servers:
        servers.postgres.database("reservations")   # postgres://…
        servers.mariadb.database("billing")         # mysql://…
        servers.rabbitmq.url()                      # amqp://…
        servers.rabbitmq.kill(); servers.rabbitmq.start()

Servers that already run on the machine are left alone: ours listen on free loopback ports and
keep their data in the given folder. A test that must kill a server makes its own.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.local import leash
from deploy.local.engine import Server, ServerError, stand_in
from deploy.local.mariadb import MariaServer
from deploy.local.postgres import PostgresServer
from deploy.local.rabbitmq import RabbitServer

__all__ = ["MariaServer", "PostgresServer", "RabbitServer", "Server", "ServerError", "Servers"]


class Servers:
    """All three, started together and ended together."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.postgres = PostgresServer(folder, durable=durable)
        self.mariadb = MariaServer(folder, durable=durable)
        self.rabbitmq = RabbitServer(folder, durable=durable)

    @property
    def all(self) -> tuple[Server, ...]:
        return (self.postgres, self.mariadb, self.rabbitmq)

    def start(self) -> Self:
        """Starts them side by side; if one cannot start, none stays."""
        try:
            with ThreadPoolExecutor(len(self.all)) as pool:
                list(pool.map(lambda server: server.start(), self.all))
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Shuts them down in order; their data stays."""
        with ThreadPoolExecutor(len(self.all)) as pool:
            list(pool.map(lambda server: server.stop(), self.all))

    def kill(self) -> None:
        """SIGKILL for all of them; their data stays."""
        for server in self.all:
            server.kill()

    def close(self) -> None:
        """Kills them and removes their folders."""
        for server in self.all:
            server.close()
        for folder in {server.folder.parent for server in self.all}:
            if not any(folder.iterdir()):
                shutil.rmtree(folder)

    def describe(self) -> dict[str, Any]:
        """URLs, ports and passwords, for another process."""
        return {server.name: server.describe() for server in self.all}

    def write(self, file: Path) -> Path:
        """Puts the description into a JSON file that only we may read (TICKETFLOW_SERVERS)."""
        file.touch(0o600)
        file.write_text(json.dumps(self.describe(), indent=2))
        return file

    @staticmethod
    def discard(folder: Path) -> None:
        """Ends servers that a killed run left in `folder`, and removes their data."""
        for place in (folder, stand_in(folder)):
            if place.exists():
                leash.sweep(place)
                shutil.rmtree(place, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
