"""Old code goes on working while a migration runs and after it (docs/migrations.md). Read without a database."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SITES = ["billing_site", "middleware_worker", "portal_site", "reservations_site"]
# Here a statement cannot be taken back, and a migration that failed is run again from its beginning.
MARIADB = ("billing_site/", "middleware_worker/outbox/")
BREAKS_OLD_CODE = {"RemoveField", "RenameField", "RenameModel", "DeleteModel", "AlterField"}
ONLY_STATE = {"AlterModelOptions", "AlterModelManagers"}
REASON = re.compile(r"^\s*# contract: \S.*", re.MULTILINE)
# Made before this rule was: docs/migrations.md.
FIRST = frozenset(
    [
        "billing_site/accounts/migrations/0001_initial.py",
        "billing_site/accounts/migrations/0002_registration_attempts.py",
        "billing_site/accounts/migrations/0003_email_bytes.py",
        "billing_site/accounts/migrations/0004_groups.py",
        "billing_site/dead_letters/migrations/0001_initial.py",
        "billing_site/documents/migrations/0001_initial.py",
        "billing_site/documents/migrations/0002_mail_key_bytes.py",
        "billing_site/event_refunds/migrations/0001_initial.py",
        "billing_site/event_refunds/migrations/0002_roles.py",
        "billing_site/gate/migrations/0001_initial.py",
        "billing_site/payments/migrations/0001_initial.py",
        "billing_site/payments/migrations/0002_key_bytes.py",
        "billing_site/tickets/migrations/0001_initial.py",
        "billing_site/tickets/migrations/0002_generation.py",
        "billing_site/tickets/migrations/0003_code_bytes.py",
        "billing_site/tickets/migrations/0004_external_id_bytes.py",
        "billing_site/tickets/migrations/0005_order_email_bytes.py",
        "middleware_worker/outbox/migrations/0001_initial.py",
        "middleware_worker/outbox/migrations/0002_closure.py",
        "portal_site/catalogue/migrations/0001_initial.py",
        "reservations_site/events/migrations/0001_initial.py",
        "reservations_site/events/migrations/0002_seat_pages.py",
        "reservations_site/healing/migrations/0001_initial.py",
        "reservations_site/logins/migrations/0001_initial.py",
        "reservations_site/reservations/migrations/0001_initial.py",
        "reservations_site/reservations/migrations/0002_groups.py",
        "reservations_site/reservations/migrations/0003_roles.py",
        "reservations_site/venues/migrations/0001_initial.py",
    ]
)


def migrations() -> list[str]:
    found = [path for site in SITES for path in (ROOT / site).glob("**/migrations/[0-9]*.py")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def objections(path: str, text: str) -> list[str]:
    """What old code, or a second try, would stumble over."""
    tree = ast.parse(text)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = []
    if not REASON.search(text):
        found += [_name(call) for call in calls if _name(call) in BREAKS_OLD_CODE]
        found += ["AddField" for call in calls if _name(call) == "AddField" and not _leaves_old_inserts_alone(call)]
        strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        found += ["SQL" for sql in strings if re.search(r"\b(DROP (COLUMN|TABLE)|RENAME)\b", str(sql), re.IGNORECASE)]
    if path.startswith(MARIADB):
        steps = [step for step in _operations(tree) if _name(step) not in ONLY_STATE]
        found += ["more than one step"] if len(steps) > 1 else []
    return found


def _name(node: ast.AST) -> str:
    func = node.func if isinstance(node, ast.Call) else node
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def _operations(tree: ast.AST) -> list[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _name(node.targets[0]) == "operations":
            assert isinstance(node.value, ast.List), "operations is not a plain list"
            return node.value.elts
    return []


def _leaves_old_inserts_alone(call: ast.Call) -> bool:
    """A default alone is Python's: Django takes it off the column again, and old code's INSERT fails."""
    fields = [*call.args[2:], *(word.value for word in call.keywords if word.arg == "field")]
    field = fields[0]
    words = {word.arg: word.value for word in field.keywords} if isinstance(field, ast.Call) else {}
    may_be_null = isinstance(words.get("null"), ast.Constant) and words["null"].value is True
    return may_be_null or "db_default" in words or _name(field) == "ManyToManyField"


def test_the_first_migrations_are_still_there():
    assert set(migrations()) >= FIRST


def test_later_migrations_leave_old_code_working():
    later = {path: objections(path, (ROOT / path).read_text()) for path in migrations() if path not in FIRST}
    assert {path: found for path, found in later.items() if found} == {}


ADD = "migrations.AddField('order', 'channel', models.CharField(max_length=9{}))"
DROP = "migrations.RemoveField('order', 'email')"


@pytest.mark.parametrize(
    ("site", "operations", "objected"),
    [
        ("reservations_site", DROP, ["RemoveField"]),
        ("reservations_site", f"{DROP}]\n    # contract: no code reads it since 1.4\n    x = [", []),
        ("reservations_site", f"{DROP}]\n    # contract:\n    x = [", ["RemoveField"]),
        ("reservations_site", "migrations.RenameField('order', 'email', 'mail')", ["RenameField"]),
        ("reservations_site", "migrations.RenameModel('Order', 'Sale')", ["RenameModel"]),
        ("reservations_site", "migrations.DeleteModel('Order')", ["DeleteModel"]),
        ("reservations_site", "migrations.AlterField('order', 'email', models.TextField())", ["AlterField"]),
        ("reservations_site", "migrations.RunSQL('alter table a drop column b')", ["SQL"]),
        ("reservations_site", ADD.format(""), ["AddField"]),
        ("reservations_site", ADD.format(", default=''"), ["AddField"]),
        ("reservations_site", ADD.format(", null=False"), ["AddField"]),
        ("reservations_site", ADD.format(", null=True"), []),
        ("reservations_site", ADD.format(", db_default=''"), []),
        ("reservations_site", f"{ADD.format(', null=True')}, {ADD.format(', null=True')}", []),
        ("billing_site", f"{ADD.format(', null=True')}, {ADD.format(', null=True')}", ["more than one step"]),
        ("middleware_worker/outbox", "migrations.CreateModel('A'), migrations.AddConstraint()", ["more than one step"]),
        ("billing_site", "migrations.CreateModel('A', options={'constraints': [models.Check()]})", []),
        ("billing_site", "migrations.AlterModelOptions('a'), migrations.RunSQL('UPDATE a SET b = 1')", []),
    ],
)
def test_a_bad_migration_is_refused(site, operations, objected):
    text = f"class Migration(migrations.Migration):\n    operations = [{operations}]\n"
    assert objections(f"{site}/a/migrations/0009_sample.py", text) == objected
