"""A drill that cannot fail proves nothing: breaks the system on purpose, and the checker must see it each time.

`python -m tests.drills.selftest [NAME…]`. Each break is a copy of the program with one thing taken out, mounted over
the image's own, or a setting of the databases; the stack is made whole again after each.
"""

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.drills import docker
from tests.drills.cluster import Cluster, until
from tests.drills.drills import DRILLS
from tests.drills.scene import Scene

OVERRIDE = docker.FOLDER / "broken.yml"
COPIES = docker.FOLDER / "broken"
RESERVATIONS = ("reservations-1", "reservations-2")


@dataclass
class Break:
    """What is taken out, where it runs, and the drill that must see it. `sql` goes to the seats' database."""

    name: str
    what: str
    drill: str
    services: Sequence[str] = ()
    patches: Sequence[tuple[str, str, str]] = ()
    sql: Sequence[str] = ()
    mend: Sequence[str] = ()
    settings: Sequence[str] = ()
    unsettings: Sequence[str] = ()


ONE_LIVE_LINE = (
    "create unique index one_live_line_a_seat on reservations_line (seat_id) where status in ('held', 'confirmed')"
)
ONE_A_KEY = (
    "alter table reservations_reservation add constraint idempotency_key_once_a_caller unique (caller, idempotency_key)"
)


def in_take_seats(old: str, new: str) -> str:
    """SQL that replaces some text of the function with which seats are taken (tests/test_at_once.py: it is there)."""
    text = f"replace(pg_get_functiondef('take_seats_1'::regproc), $old${old}$old$, $new${new}$new$)"
    return f"do $do$ begin execute {text}; end $do$"


LOCK = ("FOR NO KEY UPDATE NOWAIT;", "/* FOR NO KEY UPDATE NOWAIT */;")
STILL_FREE = ("AND status = 'available';", "/* AND status = 'available' */;")
LOOK_FOR_KEY = ("idempotency_key = p_key;", "idempotency_key = p_key AND false;")
BREAKS = [
    Break(
        "lock-removed",
        "the seats' row lock, and the index that would stop two reservations of a seat",
        "rush",
        services=RESERVATIONS,
        patches=[
            (
                "reservations_site/reservations/locks.py",
                'return dict(rows.select_for_update(of=("self",), skip_locked=skip_locked, no_key=True).',
                "return dict(rows.",
            )
        ],
        sql=["drop index if exists one_live_line_a_seat", in_take_seats(*LOCK), in_take_seats(*STILL_FREE)],
        mend=[ONE_LIVE_LINE, in_take_seats(*reversed(LOCK)), in_take_seats(*reversed(STILL_FREE))],
    ),
    Break(
        "receipts-off",
        "the receipt: a row is done when the broker has confirmed it",
        "broker-data-deleted",
        services=("reservations-relay",),
        patches=[
            (
                "middleware_worker/outbox/relay.py",
                ".update(published_at=timezone.now())",
                ".update(published_at=timezone.now(), state=OutboxMessage.State.RECEIPTED)",
            )
        ],
    ),
    Break(
        "dedupe-off",
        "the look for a reservation that was made under the same key, and the constraint behind it",
        "rush",
        services=RESERVATIONS,
        patches=[
            (
                "reservations_site/reservations/idempotency.py",
                "Reservation.objects.filter(caller=self.caller, idempotency_key=self.key).first()",
                "None",
            )
        ],
        sql=[
            "alter table reservations_reservation drop constraint if exists idempotency_key_once_a_caller",
            in_take_seats(*LOOK_FOR_KEY),
        ],
        mend=[ONE_A_KEY, in_take_seats(*reversed(LOOK_FOR_KEY))],
    ),
    Break(
        "asynchronous-replication",
        "PostgreSQL's synchronous replication",
        "primary-lost-after-its-standbys-froze",
        settings=["synchronous_mode=off", "synchronous_mode_strict=false"],
        unsettings=["synchronous_mode=quorum", "synchronous_mode_strict=true"],
    ),
]


def mount(broken: Break) -> None:
    """Starts the services with a copy of their program that has the patches in it."""
    shutil.rmtree(COPIES, ignore_errors=True)
    # From the container: the checkout may be another version than the one that runs. Without the compiled files.
    docker.run("docker", "cp", f"{docker.container(broken.services[0])}:/app", str(COPIES))
    for compiled in COPIES.rglob("__pycache__"):
        shutil.rmtree(compiled)
    for path, old, new in broken.patches:
        file = COPIES / path
        text = file.read_text()
        assert text.count(old) == 1, f"{path} has changed: {old!r} is not there once"
        file.write_text(text.replace(old, new))
    # Where a program is started comes first in its path; compiled files in /app would hide a changed source there.
    part = f"    working_dir: /broken\n    volumes: ['{COPIES}:/broken:ro']\n"
    OVERRIDE.write_text("services:\n" + "".join(f"  {name}:\n{part}" for name in broken.services))
    files = ["-f", "docker-compose.yml", "-f", str(OVERRIDE)]
    docker.compose(*files, "up", "-d", "--no-deps", "--wait", *broken.services)


def in_postgres(cluster: Cluster, statements: Sequence[str]) -> None:
    for sql in statements:
        docker.execute(cluster.primary(), "psql", "-U", "postgres", "-d", "reservations", "-qc", sql)


def configure(cluster: Cluster, settings: Sequence[str]) -> None:
    """Changes what all PostgreSQL nodes share, and waits until the primary has taken it up."""
    if not settings:
        return
    options = [word for setting in settings for word in ("--set", setting)]
    arguments = ["patronictl", "-c", "/etc/patroni/patroni.yml", "edit-config", "--force", "--quiet", *options]
    docker.execute(cluster.primary(), *arguments)
    wanted = "off" not in settings[0]
    sql = "show synchronous_standby_names"

    def taken_up() -> bool:
        names = docker.execute(cluster.primary(), "psql", "-U", "postgres", "-Atc", sql).strip()
        return bool(names) == wanted

    until("the primary has the setting", taken_up, within=60)


def see(cluster: Cluster, broken: Break) -> bool:
    """Whether the checker saw what was broken; the stack is whole and empty afterwards."""
    print(f"\n{broken.name}: without {broken.what}", flush=True)
    try:
        in_postgres(cluster, broken.sql)
        configure(cluster, broken.settings)
        if broken.patches:
            mount(broken)
        result = Scene(
            cluster, DRILLS[broken.drill], seed=int(time.time()), say=lambda line: print(line, flush=True)
        ).run()
    finally:
        repair(cluster, broken)
    verdict = result.verdict
    for sentence in [*verdict.lost[:2], *verdict.doubled[:2], *verdict.broken[:2]]:
        print(f"    seen: {sentence[:200]}")
    counts = f"{len(verdict.lost)} lost, {len(verdict.doubled)} doubled, {len(verdict.broken)} broken"
    caught = not verdict.is_clean
    print(f"    {'caught' if caught else 'NOT CAUGHT'}: {counts} {result.failure[:200]}", flush=True)
    return caught


def repair(cluster: Cluster, broken: Break) -> None:
    if broken.services:
        docker.compose("up", "-d", "--no-deps", "--wait", *broken.services)
    configure(cluster, broken.unsettings)
    cluster.wait_healthy()
    cluster.empty()
    in_postgres(cluster, broken.mend)


def main(names: Sequence[str]) -> int:
    """Exit code 0 when every break was seen."""
    wanted: list[Break] = [broken for broken in BREAKS if not names or broken.name in names]
    cluster = Cluster()
    cluster.up(build=False)
    cluster.empty()
    print("\nunbroken: nothing is broken, and the checker must see nothing", flush=True)
    whole = Scene(cluster, DRILLS["rush"], seed=int(time.time()), say=lambda line: print(line, flush=True)).run()
    if not whole.verdict.is_clean:
        print("the checker complains of a stack that is whole: nothing that it says of a broken one would count")
        return 1
    results: dict[str, bool] = {}
    for broken in wanted:
        results[broken.name] = see(cluster, broken)
    print()
    for name, caught in results.items():
        print(f"{name:28} {'caught' if caught else 'NOT CAUGHT'}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
