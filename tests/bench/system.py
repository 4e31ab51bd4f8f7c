"""What the bench runs against: PostgreSQL that keeps its promises on disk, two replicas of reservations, nginx.

With `carrying` also MariaDB, RabbitMQ, the relay, the worker and billing. All on free ports, in a folder of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from deploy.local import leash, nginx
from deploy.local.environments import ROOT, Backends, Ports
from deploy.local.ports import free_port
from deploy.local.processes import Program
from deploy.local.servers import MariaServer, PostgresServer, RabbitServer, Server
from deploy.local.stack import Stack
from tests.invariants import mariadb

REPLICAS = {"reservations-1": "127.0.0.11", "reservations-2": "127.0.0.12"}
PORTALS = {"portal-1": "127.0.0.31", "portal-2": "127.0.0.32"}
CARRIERS = {"billing", "reservations-relay", "worker"}
# One address makes all the load, and each buyer is another one: nobody may be throttled.
FREE_RUN = {
    "RESERVATIONS_THROTTLE": "100000000/min",
    "BEHIND_PROXY": "True",
    "NUM_PROXIES": "1",
    "LOG_LEVEL": "WARNING",
}
NGINX = {"RESERVATIONS_ADDRESS_RATE": "100000000r/m", "PORTAL_ADDRESS_PAGES": "100000r/s"}
MAKE_EVENT = """
WITH venue AS (
    INSERT INTO venues_venue (name, city, address, curved) VALUES ('{name}', 'Santiago', '', false) RETURNING id
), event AS (
    INSERT INTO events_event (venue_id, name, description, starts_at, sales_open_at, hold_minutes, status, created_at)
    SELECT id, '{name}', '', now() + interval '30 days', now() - interval '1 day', 10, 'published', now()
    FROM venue RETURNING id
), section AS (
    INSERT INTO events_eventsection (event_id, name, rank, price) SELECT id, 'Platea', 0, 10000 FROM event
    RETURNING id, event_id
), seats AS (
    INSERT INTO events_seat (event_id, section_id, label, row, row_rank, number, position, x, y, status)
    SELECT event_id, id, n / 60 || '-' || n % 60, n / 60, n / 60 % 30000, n % 60, n % 60, n % 60, n / 60, 'available'
    FROM section, generate_series(0, {seats} - 1) n RETURNING id, event_id
)
SELECT min(id), min(event_id) FROM seats
"""


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Empty inside, and gone afterwards with every process that was started in it."""
    leash.sweep(folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield
    finally:
        leash.sweep(folder)
        shutil.rmtree(folder, ignore_errors=True)


class System:
    """Started and ended with `with`; `workers` processes of gunicorn a replica."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        carrying: bool = False,
        portal: bool = False,
        clusters: int = 1,
        extra: Mapping[str, str] | None = None,
        in_front: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.in_front = dict(in_front or {})
        self.postgres = PostgresServer(folder / "servers", durable=True)
        # Further clusters of reservations, with events of their own.
        self.clusters = [PostgresServer(folder / f"servers-{number}", durable=True) for number in range(1, clusters)]
        self.others: list[Server] = (
            [MariaServer(folder / "servers"), RabbitServer(folder / "servers")] if carrying else []
        )
        self.workers, self.extra, self.portal = workers, extra or {}, portal
        self.connections: dict[int, psycopg.Connection[Any]] = {}
        self.has_nginx = shutil.which("nginx", path=f"/usr/sbin:{os.environ.get('PATH', '')}") is not None

    def __enter__(self) -> Self:
        try:
            for server in (self.postgres, *self.clusters, *self.others):
                server.start()
            self._start_programs()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()
        if hasattr(self, "stack"):
            self.stack.stop()
        for server in (self.postgres, *self.clusters, *self.others):
            server.close()

    def _start_programs(self) -> None:
        urls = {"billing": "sqlite://", "broker": "memory://"}
        if self.others:
            maria, rabbit = self.others
            urls = {"billing": maria.database("billing"), "broker": rabbit.url()}  # type: ignore[attr-defined]
        urls["portal"] = self.postgres.database("portal") if self.portal else "sqlite://"
        further = [server.database("reservations") for server in self.clusters]
        others = {"RESERVATIONS_CLUSTER_URLS": ",".join(further)} if further else {}
        backends = Backends(reservations=self.postgres.database("reservations"), **urls)
        names = {"gateway", "reservations", "billing", "portal", "reservations-relay", "billing-relay"}
        names |= {"reservations-jobs", "billing-jobs", "portal-jobs", "worker", "ingress", "middleware", "flower"}
        self.stack = Stack(
            self.folder / "stack",
            backends=backends,
            ports=Ports.free(),
            data="none",
            without=sorted(names - (CARRIERS if self.others else set())),
            extra={"reservations": {**FREE_RUN, **others, **self.extra}, "portal": FREE_RUN},
            say=lambda _line: None,
        )
        self.stack.open()
        for site in ("reservations", *["billing"] * bool(self.others), *["portal"] * self.portal):
            self.stack.manage(site, "migrate", "--noinput")
        for number in range(1, len(self.clusters) + 1):
            env = self.stack.environments.of("reservations") | self._alone(number)
            migrate = [sys.executable, "-m", "reservations_site.manage", "migrate", "--noinput"]
            subprocess.run(migrate, cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
            if self.others:
                env = self.stack.environments.of("reservations-relay") | self._alone(number)
                argv = [sys.executable, "-m", "reservations_site.manage", "relay"]
                self.stack.supervisor.add(Program(name=f"relay-{number}", argv=argv, env=env, cwd=ROOT))
        behind = free_port() if self.has_nginx else self.stack.ports.reservations
        for name, address in REPLICAS.items() if self.has_nginx else [("reservations-1", "127.0.0.1")]:
            self.stack.supervisor.add(self._replica(name, address, behind))
        portal = (self.stack.ports.portal, free_port()) if self.portal else None
        for name, address in PORTALS.items() if portal else ():
            self.stack.supervisor.add(self._replica(name, address, portal[1]))  # type: ignore[index]
        if self.has_nginx:
            self.stack.supervisor.add(self._nginx(behind, portal))
        self.stack.supervisor.start_all()
        self.stack.supervisor.wait_all_ready(timeout=120)

    def url(self, cluster: int) -> str:
        """The database of reservations on this cluster."""
        return self.clusters[cluster - 1].database("reservations") if cluster else self.stack.backends.reservations

    def _alone(self, cluster: int) -> dict[str, str]:
        """What a process that works on one cluster finds in its environment."""
        own = {"RESERVATIONS_DATABASE_URL": self.url(cluster), "RESERVATIONS_CLUSTER": str(cluster)}
        return own | {"RESERVATIONS_CLUSTER_URLS": ""}

    def _replica(self, name: str, address: str, port: int) -> Program:
        """As the image starts it: the same gunicorn, with the same settings."""
        site = name.partition("-")[0]
        settings = ROOT / "deploy" / "images" / "gunicorn_settings.py"
        argv = [
            sys.executable,
            "-m",
            "gunicorn",
            f"{site}_site.wsgi",
            "-c",
            str(settings),
            "-b",
            f"{address}:{port}",
        ]
        env = self.stack.environments.of(site)
        env |= {"INSTANCE": name, "PORT": str(port), "WEB_WORKERS": str(self.workers), **self.extra}
        return Program(name=name, argv=argv, env=env, cwd=ROOT)

    def _nginx(self, behind: int, portal: tuple[int, int] | None) -> Program:
        """The configuration of the images, with other folders and ports."""
        settings = NGINX | self.in_front
        port = self.stack.ports.reservations
        argv = nginx.command(self.folder / "nginx", port=port, behind=behind, portal=portal, settings=settings)
        env = {"PATH": os.environ.get("PATH", "")}
        return Program(name="nginx", argv=argv, env=env, ready=self.stack.url("reservations", "/health"))

    # What the legs ask of it

    def sql(self, statement: str, *, cluster: int = 0) -> Sequence[Any]:
        """The first row that a statement finds in the database of reservations."""
        if cluster not in self.connections or self.connections[cluster].closed:
            self.connections[cluster] = psycopg.connect(self.url(cluster), autocommit=True)
        cursor = self.connections[cluster].execute(statement)  # type: ignore[call-overload]
        return (cursor.description and cursor.fetchone()) or ()

    def make_event(self, name: str, seats: int, *, analyze: bool = True, cluster: int = 0) -> tuple[int, int]:
        """The id of the first of its seats, which follow one another, and its own."""
        first, event = self.sql(MAKE_EVENT.format(name=name, seats=seats), cluster=cluster)
        if analyze:
            self.sql("ANALYZE events_seat", cluster=cluster)
        return int(first), int(event)

    def tickets(self) -> int:
        """How many billing has."""
        with mariadb(self.stack.backends.billing) as cursor:
            cursor.execute("SELECT count(*) FROM tickets_ticket")
            return int(cursor.fetchone()[0])

    def load(self, **spec: Any) -> dict[str, Any]:
        """What came of a run of the client; see `load`."""
        spec = {"port": self.stack.ports.reservations, **spec}
        argv = [sys.executable, "-m", "tests.bench.load", json.dumps(spec)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def worker_megabytes(self, replicas: Mapping[str, str] = REPLICAS) -> float:
        """The resident memory of the largest process of gunicorn that serves."""
        found = []
        for name in replicas:
            root = self.stack.supervisor.pid(name) if name in self.stack.supervisor.names else None
            found += [_resident(pid) for pid in leash.family(root) if pid != root] if root else []
        return max(found, default=0.0)

    def layers(self, **spec: Any) -> dict[str, float]:
        """Milliseconds of processor time a reservation in one process of the site; see `layers`."""
        env = self.stack.environments.of("reservations") | self.extra | {"PATH": os.environ.get("PATH", "")}
        argv = [sys.executable, "-m", "tests.bench.layers", json.dumps(spec)]
        done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        found: dict[str, float] = json.loads(done.stdout)
        return found

    def processor_seconds(self) -> dict[str, float]:
        """What each part has used so far."""
        process = self.postgres._process
        roots = {"database": process.pid if process else None}
        for name in self.stack.supervisor.names:
            part = "site" if name in REPLICAS else name
            roots[f"{part}/{name}"] = self.stack.supervisor.pid(name)
        found: dict[str, float] = {}
        for name, root in roots.items():
            part = name.partition("/")[0]
            found[part] = found.get(part, 0.0) + sum(map(_used, leash.family(root) if root else []))
        return found


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _used(pid: int) -> float:
    """User and system time of a process and of those it has outlived."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
