"""Migrates the database of DJANGO_SETTINGS_MODULE's site, and with DATA=demo puts the demo data in.

Safe to start twice at the same time: the second waits for the first, then finds nothing to do. Safe while the site
sells: a statement that cannot get its table within seconds gives up, rather than queueing everybody behind it, and
is tried again.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

log = logging.getLogger("migrate")

PATIENCE_SECONDS = 300
PAUSE_SECONDS = 2
# Any number and name that nothing else of ours locks.
LOCK_NUMBER = 8083_5002
LOCK_NAME = "ticketflow.migrate"


def main() -> int:
    """Exit code 0 when the database is as the code wants it."""
    django.setup()
    if os.environ.get("DATA") == "demo" and not _is_loopback():
        log.error("DATA=demo makes log-ins with published passwords: only with BIND and OPERATORS_BIND on 127.*.")
        return 78
    _without_time_limit(connection)
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with _alone():
                call_command("migrate", interactive=False, verbosity=1)
                if os.environ.get("DATA") == "demo":
                    call_command("demo_data")
            return 0
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > until:
                raise
            log.warning("%s; once more", str(error).strip())
        connection.close()
        time.sleep(PAUSE_SECONDS)


@contextmanager
def _alone() -> Iterator[None]:
    """Holds the lock of migrations, on a connection of its own: the server lets go of it when we die."""
    holder = connection.copy()
    _without_time_limit(holder)
    try:
        with holder.cursor() as cursor:
            if holder.vendor == "postgresql":
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_NUMBER])
            elif holder.vendor == "mysql":
                cursor.execute("SELECT GET_LOCK(%s, %s)", [LOCK_NAME, PATIENCE_SECONDS])
                if cursor.fetchone() != (1,):
                    raise OperationalError("another migration holds the lock")
        yield
    finally:
        try:
            holder.close()
        except DatabaseError:
            log.warning("the lock's connection was lost")


def _without_time_limit(database: BaseDatabaseWrapper) -> None:
    """Building an index may take long; waiting for a table that others use may not."""
    options = database.settings_dict["OPTIONS"]
    if database.vendor == "postgresql":
        database.settings_dict["OPTIONS"] = {**options, "options": "-c lock_timeout=3s"}
    elif database.vendor == "mysql":
        limits = f"{options['init_command']}, lock_wait_timeout=3"
        database.settings_dict["OPTIONS"] = {**options, "init_command": limits}


def _is_loopback() -> bool:
    return all(os.environ.get(name, "").startswith("127.") for name in ("BIND", "OPERATORS_BIND"))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.exit(main())
