"""Columns that compare byte by byte on MariaDB; everywhere else text already does."""

from collections.abc import Callable
from typing import Any

from django.db import migrations

COLLATION = "utf8mb4_nopad_bin"


def compare_bytes(*, table: str, column: str, length: int, null: bool = False) -> migrations.RunPython:
    """A migration step after which "abc", "ABC" and "abc " are three values of the column.

    MariaDB's usual collations take them for one: a unique column would refuse two of them, a look-up
    would find another's row. DDL is not transactional there: one such step a migration.
    """

    def alter(collate: str) -> Callable[[Any, Any], None]:
        def run(apps: Any, schema_editor: Any) -> None:
            if schema_editor.connection.vendor == "mysql":
                kind = "NULL" if null else "NOT NULL"
                schema_editor.execute(
                    f"ALTER TABLE `{table}` MODIFY `{column}` varchar({length}) CHARACTER SET utf8mb4 {collate} {kind}"
                )

        return run

    return migrations.RunPython(alter(f"COLLATE {COLLATION}"), alter(""), atomic=False)
