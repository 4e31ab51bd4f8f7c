"""The engine: a COMMIT whose wait for a standby was cut short raises, instead of looking like success."""

from typing import Any

from django.db.backends.postgresql import base
from psycopg.errors import Diagnostic

from middleware_worker.outbox.transactions import NotReplicated

# SQLSTATEs of the two warnings that PostgreSQL gives in place of an error (syncrep.c): "canceling wait for
# synchronous replication" because the statement was cancelled or ran out of time, or because the server stops.
CUT_SHORT = {"57014", "57P01"}


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        self._cut_short = False
        connection.add_notice_handler(self._noticed)
        return connection

    def _noticed(self, notice: Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING" and notice.sqlstate in CUT_SHORT:
            self._cut_short = True

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self.raise_if_cut_short()

    def raise_if_cut_short(self) -> None:
        """For a statement that was a transaction by itself, when it has ended: no COMMIT follows it."""
        if self._cut_short:
            self._cut_short = False
            raise NotReplicated("committed here, but the wait for a standby was cut short")
