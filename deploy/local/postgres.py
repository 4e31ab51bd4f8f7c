"""A private PostgreSQL."""

from __future__ import annotations

import re
import signal

from deploy.local.engine import USER, Server, ServerError, find_program
from deploy.local.ports import LOOPBACK

# Fixed, so that a slow machine and a fast one find the same faults.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # the folder's path may be longer than a socket may have
    "max_connections": "300",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # a wiped data folder leaves nothing in /dev/shm
    "timezone": "UTC",
    "lc_messages": "C.UTF-8",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_min_duration_statement": "2000",
    "log_lock_waits": "on",
    "deadlock_timeout": "500ms",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer(Server):
    """A free port, user `ticketflow` (superuser), SCRAM passwords, 300 connections."""

    name = "postgres"
    account = "postgres"
    polite = signal.SIGINT  # "fast shutdown": SIGTERM would wait for idle clients

    def url(self, name: str = "postgres") -> str:
        return f"postgres://{USER}:{self.password}@{LOOPBACK}:{self.port}/{name}"

    def database(self, name: str) -> str:
        """The URL of the database of this name, made when it is missing."""
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
            raise ValueError(f"Not a plain database name: {name!r}")
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'").strip():
            self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drops a database, whoever is connected to it."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """What psql prints for one statement: bare rows, columns separated by `|`."""
        argv = [self._program("psql"), "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1",
                "-h", LOOPBACK, "-p", str(self.port), "-U", USER, "-d", database,
                "-c", statement]  # fmt: skip
        return self._run(argv, env={"PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "3"})

    def answers(self) -> bool:
        try:
            return self.sql("SELECT 1").strip() == "1"
        except ServerError:
            return False

    def _create(self) -> None:
        durable = [] if self.durable else ["--no-sync"]
        argv = [self._program("initdb"), "-D", str(self.data), "-U", USER, *durable,
                "--pwfile", str(self.folder / "password"), "--auth", "scram-sha-256",
                "--encoding", "UTF8", "--locale", "C.UTF-8"]  # fmt: skip
        self._run(argv)

    def _before_start(self) -> None:
        # A killed postmaster may stay a zombie for as long as nobody reaps it, and PostgreSQL
        # takes that for another one at work in its folder. `start` has swept the folder.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _command(self) -> list[str]:
        settings = {**SETTINGS, "port": str(self.port), **({} if self.durable else NOT_DURABLE)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self._program("postgres"), "-D", str(self.data), *options]

    def _program(self, name: str) -> str:
        return find_program(
            name,
            "/usr/lib/postgresql/*/bin",
            advice="Install PostgreSQL (on Debian: the package postgresql).",
        )
