"""A private MariaDB."""

from __future__ import annotations

import re

from deploy.local.engine import USER, Server, ServerError, find_program
from deploy.local.ports import LOOPBACK

SETTINGS = {
    "bind-address": LOOPBACK,
    "socket": "mariadb.sock",  # relative to the data folder: a socket's path must be short
    "skip-name-resolve": "ON",
    "max-connections": "300",
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_unicode_ci",
    "sql-mode": "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE",
    "default-time-zone": "+00:00",
    "server-id": "1",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "48M",
    "innodb-use-native-aio": "OFF",  # many servers on one machine run out of its slots
    "innodb-print-all-deadlocks": "ON",
}
DURABLE = {"sync-binlog": "1", "innodb-flush-log-at-trx-commit": "1"}
NOT_DURABLE = {"sync-binlog": "0", "innodb-flush-log-at-trx-commit": "0"}
PRIVILEGES = "ALL PRIVILEGES ON *.* TO"


class MariaServer(Server):
    """A free port, user `ticketflow` who may do everything, utf8mb4, strict SQL, binary log."""

    name = "mariadb"
    account = "mysql"

    def url(self, name: str = "") -> str:
        return f"mysql://{USER}:{self.password}@{LOOPBACK}:{self.port}/{name}"

    def database(self, name: str) -> str:
        """The URL of the database of this name, made when it is missing."""
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
            raise ValueError(f"Not a plain database name: {name!r}")
        self.sql(f"CREATE DATABASE IF NOT EXISTS {name}")
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drops a database with all that is in it."""
        self.sql(f"DROP DATABASE IF EXISTS {name}")

    def sql(self, statement: str, *, database: str = "") -> str:
        """What the client prints for a statement: bare rows, columns separated by tabs."""
        argv = [self._program("mariadb", "/usr/bin"), "--no-defaults", "--batch",
                "--skip-column-names", f"--host={LOOPBACK}", f"--port={self.port}",
                "--protocol=tcp", f"--user={USER}", "--connect-timeout=3",
                f"--execute={statement}", *([database] if database else [])]  # fmt: skip
        return self._run(argv, env={"MYSQL_PWD": self.password})

    def answers(self) -> bool:
        try:
            return self.sql("SELECT 1").strip() == "1"
        except ServerError:
            return False

    def _create(self) -> None:
        argv = [self._program("mariadb-install-db", "/usr/bin"), "--no-defaults",
                f"--datadir={self.data}", "--auth-root-authentication-method=socket",
                "--skip-test-db", "--skip-name-resolve"]  # fmt: skip
        self._run(argv)

    def _command(self) -> list[str]:
        # The server reads this at every start, so the user is there after a wipe too.
        users = self.folder / "users.sql"
        users.touch(0o600)
        users.write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT {PRIVILEGES} '{USER}'@'%' WITH GRANT OPTION;\n"
        )
        self._own(users)
        safety = DURABLE if self.durable else NOT_DURABLE
        settings = {**SETTINGS, **safety, "port": str(self.port)}
        return [
            self._program("mariadbd", "/usr/sbin"),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--init-file={users}",
            f"--pid-file={self.folder / 'mariadb.pid'}",
            *(f"--{name}={value}" for name, value in settings.items()),
        ]

    def _program(self, name: str, place: str) -> str:
        advice = "Install MariaDB (on Debian: the package mariadb-server)."
        return find_program(name, place, advice=advice)
