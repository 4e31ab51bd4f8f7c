"""All programs of TicketFlow on this machine, embedded or on real servers.

with Stack.embedded(Path(".demo")) as stack: ...            # SQLite, broker in a folder
with Stack.on_servers(folder, servers) as stack:            # PostgreSQL, MariaDB, RabbitMQ
    stack.url("portal"); stack.supervisor.kill("worker"); stack.manage("billing", "check")
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.local import leash
from deploy.local.environments import ROOT, Backends, Environments, Ports
from deploy.local.ports import LOOPBACK, is_free
from deploy.local.processes import UNIQUE, Program, Supervisor
from deploy.local.rabbitmq import OWN_VHOST
from deploy.local.servers import Servers

SITES = ("reservations", "billing", "portal")
WITH_DEMO_DATA = ("reservations", "billing")
LOADED = "demo-data.loaded"
WEB, CARRIERS = 0, 1  # tiers: the carriers stop first, so that what they hold finds its site


class StackError(RuntimeError):
    """A step failed; the sentence says which, and where its log is."""


class Stack:
    """The programs, their environments and their supervisor, in one folder."""

    def __init__(
        self,
        folder: Path,
        *,
        backends: Backends,
        ports: Ports | None = None,
        data: str = "demo",
        web_workers: int = 1,
        web_threads: int = 8,
        worker_concurrency: int = 2,
        without: Sequence[str] = (),
        extra: Mapping[str, Mapping[str, str]] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.folder = folder.resolve()
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.ports = ports or Ports.free()
        self.backends = backends
        self.environments = Environments(folder=self.folder, ports=self.ports, backends=backends, extra=extra)
        self.say = say
        self._data = data
        self._web_workers, self._web_threads = web_workers, web_threads
        self._worker_concurrency = worker_concurrency
        self.supervisor = Supervisor(self.folder, say=say)
        for program in self.programs():
            if program.name not in without:
                self.supervisor.add(program)

    @classmethod
    def embedded(cls, folder: Path, **options: Any) -> Self:
        """On SQLite and a broker that is a folder."""
        return cls(folder, backends=Backends.embedded(folder), **options)

    @classmethod
    def on_servers(cls, folder: Path, servers: Servers, *, prefix: str = "", **options: Any) -> Self:
        """On running servers; `prefix` keeps the databases of several stacks apart."""
        backends = Backends(
            reservations=servers.postgres.database(f"{prefix}reservations"),
            portal=servers.postgres.database(f"{prefix}portal"),
            billing=servers.mariadb.database(f"{prefix}billing"),
            broker=servers.rabbitmq.url(OWN_VHOST),
            sellers_broker=servers.rabbitmq.url(),
        )
        return cls(folder, backends=backends, **options)

    def url(self, name: str, path: str = "") -> str:
        """The address of `portal`, `billing`, `reservations`, `middleware`, `gateway` or `flower`."""
        return self.ports.url(name, path)

    # Its life

    def open(self) -> None:
        """Claims the folder and ends what an earlier run left; then no port is taken by us."""
        self.supervisor.open()

    def taken_ports(self) -> dict[str, int]:
        """The programs whose port somebody else holds."""
        return {name: port for name, port in self.ports.items() if not is_free(port)}

    def prepare(self) -> None:
        """Brings the databases to their present form, and puts the demo data in once."""
        self.open()
        with self.step("databases"), ThreadPoolExecutor(len(SITES)) as pool:
            list(pool.map(lambda site: self.manage(site, "migrate", "--noinput"), SITES))
        if self._data == "demo" and not self.has_demo_data(self.folder):
            for site in WITH_DEMO_DATA:
                with self.step(f"demo data of {site}"):
                    self.manage(site, "demo_data")
            (self.folder / LOADED).touch()

    @staticmethod
    def has_demo_data(folder: Path) -> bool:
        """Whether an earlier start has put the demo data in."""
        return (folder / LOADED).exists()

    def start(self, *, timeout: float = 240) -> Self:
        """Prepares, starts everything and waits until it serves."""
        self.prepare()
        with self.step("programs"):
            self.supervisor.start_all()
            self.supervisor.wait_all_ready(timeout=timeout)
        if self._data == "demo" and not (self.folder / "demo-orders.paid").exists():
            threading.Thread(target=self._pay_demo_orders, name="demo orders", daemon=True).start()
        return self

    def _pay_demo_orders(self) -> None:
        """Pays what the demo's buyers reserved, beside the running system: it takes half a minute."""
        try:
            self.manage("billing", "demo_data", "--pay-demo-orders")
        except StackError as reason:
            if self.supervisor.is_open:
                self.say(f"The demo buyers' orders are not all paid: {reason}")
        else:
            (self.folder / "demo-orders.paid").touch()

    def stop(self) -> None:
        """Ends every program; the data stays."""
        self.supervisor.stop_all()

    @contextlib.contextmanager
    def without(self, *programs: str) -> Iterator[None]:
        """The programs are stopped meanwhile."""
        for name in programs:
            self.supervisor.stop(name)
        try:
            yield
        finally:
            for name in programs:
                self.supervisor.start(name)
            for name in programs:
                self.supervisor.wait_ready(name, timeout=60)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def manage(self, site: str, *arguments: str, timeout: float = 180) -> str:
        """What a management command of a site printed; it runs in that site's environment."""
        log = self.folder / "logs" / f"{site}-{arguments[0]}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        argv = [sys.executable, "-m", f"{site}_site.manage", *arguments]
        process = leash.spawn(argv, folder=self.folder, log=log, env=self.environments.of(site), cwd=ROOT)
        try:
            code: int | None = process.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                leash.kill_tree(process.pid)
                process.wait()
        said = log.read_text(errors="replace")
        if code != 0:
            how = f"took longer than {timeout:.0f} s" if code is None else f"ended with code {code}"
            last = "\n".join(said.splitlines()[-15:])
            raise StackError(f"{site}_site.manage {' '.join(arguments)} {how}. The end of {log}:\n{last}")
        return said

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Says how long a step took, once it is done."""
        started = time.monotonic()
        yield
        self.say(f"  {title:<40} {time.monotonic() - started:5.1f} s")

    # What runs

    def programs(self) -> list[Program]:
        """Every process of the system, in the order in which it is started."""
        return [
            self._program("gateway", self._gateway(), ready=self.url("gateway", "/health")),
            self._web("reservations", "reservations_site.wsgi"),
            self._web("billing", "billing_site.wsgi"),
            self._web("portal", "portal_site.wsgi"),
            self._program("reservations-relay", self._command("reservations", "relay"), tier=CARRIERS),
            self._program("billing-relay", self._command("billing", "relay"), tier=CARRIERS),
            self._program("reservations-jobs", self._command("reservations", "jobs"), tier=CARRIERS),
            self._program("billing-jobs", self._command("billing", "jobs"), tier=CARRIERS),
            self._program("portal-jobs", self._command("portal", "jobs"), tier=CARRIERS),
            self._program("worker", self._worker(), tier=CARRIERS),
            self._program("ingress", [sys.executable, "-m", "middleware_worker.ingress"], tier=CARRIERS),
            self._web("middleware", "middleware_worker.gateway.wsgi"),
            self._program("flower", self._flower(), ready=self.url("flower", "/healthcheck"), tier=CARRIERS),
        ]

    def _program(self, name: str, argv: Sequence[str], *, ready: str | None = None, tier: int = WEB) -> Program:
        return Program(name=name, argv=argv, env=self.environments.of(name), ready=ready, tier=tier, cwd=ROOT)

    def _web(self, name: str, application: str) -> Program:
        # Threads, since no proxy stands in front here: a browser's idle connection would block
        # a process of gunicorn's default kind.
        argv = [
            sys.executable, "-m", "gunicorn", application,
            "--bind", f"{LOOPBACK}:{getattr(self.ports, name)}",
            "--workers", str(self._web_workers),
            "--worker-class", "gthread",
            "--threads", str(self._web_threads),
            "--graceful-timeout", "5",
            "--access-logfile", "-",
            "--no-control-socket",
        ]  # fmt: skip
        return self._program(name, argv, ready=self.url(name, "/health"))

    def _command(self, site: str, command: str) -> list[str]:
        return [sys.executable, "-m", f"{site}_site.manage", command]

    def _gateway(self) -> list[str]:
        ledger = str(self.folder / "data" / "gateway-ledger")
        module = "billing_site.payments.gateway.simulator"
        return [sys.executable, "-m", module, "--port", str(self.ports.gateway), "--ledger", ledger]

    def _worker(self) -> list[str]:
        # Embedded, threads do as well as processes, with 120 MB less, and they stop sooner.
        pool = "threads" if self.backends.is_embedded else "prefork"
        return [
            sys.executable, "-m", "celery", "-A", "middleware_worker.worker", "worker",
            # A name that an old connection still holds would be refused by RabbitMQ.
            "-n", f"ticketflow@%h-{UNIQUE}",
            "--pool", pool,
            "--concurrency", str(self._worker_concurrency),
            "--loglevel", "INFO",
        ]  # fmt: skip

    def _flower(self) -> list[str]:
        return [
            sys.executable, "-m", "celery", "-A", "middleware_worker.worker", "flower",
            f"--port={self.ports.flower}", f"--address={LOOPBACK}",
        ]  # fmt: skip
