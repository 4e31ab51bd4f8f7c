"""Django's DATABASES entries, with the options that each engine needs to be safe."""

from typing import Any

import environ


def database(url: str, *, replica: bool = False, patience: int = 0) -> dict[str, Any]:
    """A DATABASES entry for a sqlite://, postgres:// or mysql:// URL.

    PostgreSQL gets time limits and an engine that believes a COMMIT only when it is replicated, MariaDB
    strict mode, SQLite write transactions that begin with the lock: without it two readers that both want
    to write fail at once instead of waiting. MariaDB's `patience` is the seconds that a statement may take, 0 any
    number: a primary without a replica that acknowledges lets a COMMIT wait for ever.
    """
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    options: dict[str, Any] = config.setdefault("OPTIONS", {})
    engine = config["ENGINE"].rpartition(".")[2]
    if engine == "sqlite3":
        options.update(
            transaction_mode="IMMEDIATE",
            timeout=20,
            init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        )
    elif engine == "postgresql":
        config["ENGINE"] = "middleware_worker.outbox.postgresql"
        config["CONN_MAX_AGE"] = None
        config["CONN_HEALTH_CHECKS"] = True
        limits = {"lock_timeout": "2s", "statement_timeout": "5s", "idle_in_transaction_session_timeout": "10s"}
        options["options"] = " ".join(f"-c {name}={value}" for name, value in limits.items())
        options["connect_timeout"] = 3
        # Only for cursors that bind on the server; Django's own put the values into the text and prepare nothing.
        options["prepare_threshold"] = 5
    elif engine == "mysql":
        config["CONN_MAX_AGE"] = None
        config["CONN_HEALTH_CHECKS"] = True
        options.update(
            charset="utf8mb4",
            connect_timeout=3,
            init_command="SET sql_mode='TRADITIONAL', innodb_lock_wait_timeout=5",
        )
        if patience:
            options.update(read_timeout=patience, write_timeout=patience)
    if replica:
        config["TEST"] = {"MIRROR": "default"}
    return config
