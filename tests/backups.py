"""Dumps of the two databases, and restoring them, by the commands that the runbook names."""

import os
import subprocess
from pathlib import Path

from deploy.local.engine import USER
from deploy.local.servers import Servers

BILLING, RESERVATIONS = "billing", "reservations"


def dump_billing(servers: Servers, file: Path) -> None:
    with file.open("wb") as target:
        _mariadb(servers, "mariadb-dump", "--single-transaction", BILLING, stdout=target)


def restore_billing(servers: Servers, file: Path) -> None:
    servers.mariadb.drop(BILLING)
    servers.mariadb.database(BILLING)
    with file.open("rb") as source:
        _mariadb(servers, "mariadb", BILLING, stdin=source)


def dump_reservations(servers: Servers, file: Path) -> None:
    _postgres(servers, "pg_dump", "--format=custom", f"--file={file}", f"--dbname={servers.postgres.url(RESERVATIONS)}")


def restore_reservations(servers: Servers, file: Path) -> None:
    servers.postgres.drop(RESERVATIONS)
    url = servers.postgres.database(RESERVATIONS)
    _postgres(servers, "pg_restore", "--exit-on-error", f"--dbname={url}", str(file))


def _mariadb(servers: Servers, program: str, *arguments: str, **streams: object) -> None:
    server = servers.mariadb
    login = ["--host=127.0.0.1", f"--port={server.port}", "--protocol=tcp", f"--user={USER}"]
    argv = [server._program(program, "/usr/bin"), "--no-defaults", *login, *arguments]
    subprocess.run(argv, env={**os.environ, "MYSQL_PWD": server.password}, check=True, timeout=120, **streams)


def _postgres(servers: Servers, program: str, *arguments: str) -> None:
    subprocess.run([servers.postgres._program(program), *arguments], check=True, timeout=120)
