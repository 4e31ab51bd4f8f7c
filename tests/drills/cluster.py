"""The whole topology as its operators see it: who leads what, whether all is well, and how to break it."""

import re
import time
from collections.abc import Callable
from typing import Any

import requests

from middleware_worker.contract.credentials import ServiceAuth
from tests.drills import docker
from tests.drills.docker import ADDRESS
from tests.invariants import Databases
from tests.world import MAKE_EVENT, MAKE_STAFF, STAFF_PASSWORD, STAFF_RUT, Site, Staff

# Deadlines stand here and nowhere else, generous: a drill fails on what is wrong, not on what is slow.
UP_WITHIN = 600.0
HEALTHY_WITHIN = 240.0
AT_REST_WITHIN = 240.0
LED_WITHIN = 90.0

PORTS = {"reservations": 8083, "billing": 5002, "portal": 5003, "middleware": 8000}
ONCE = ("migrate", "demo-data", "billing-heal")
EMPTIED = ("tickets", "payments", "documents", "outbox", "dead")
QUEUE = "ticketflow.to_billing"
LEDGER = "/var/lib/ticketflow/ledger.sqlite3"
CHARGED = f"""
import sqlite3
rows = sqlite3.connect("file:{LEDGER}?mode=ro", uri=True)
sums = [
    rows.execute(f"select coalesce(sum(amount), 0) from {{table}} where outcome = 'captured'").fetchone()[0]
    for table in ("charge", "refund")
]
print("charged", sums[0] - sums[1])
"""
EMPTY_LEDGER = f"""
import sqlite3
with sqlite3.connect({LEDGER!r}) as rows:
    rows.execute("delete from refund")
    rows.execute("delete from charge")
"""


class NotInTime(AssertionError):
    """Something that had to happen did not, within its deadline."""


def until(what: str, asked: Callable[[], Any], *, within: float, every: float = 0.5) -> Any:
    """The first truthy answer; an error while asking counts as no. NotInTime names what was waited for."""
    deadline = time.monotonic() + within
    error: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if answer := asked():
                return answer
            error = None
        except Exception as failure:
            error = failure
        time.sleep(every)
    raise NotInTime(f"not within {within:.0f} s: {what}" + (f" ({error!r})" if error else ""))


SWITCH_OVER = """
import base64, json, os, sys, time, urllib.request
user, password = os.environ["PATRONI_RESTAPI_USERNAME"], os.environ["PATRONI_RESTAPI_PASSWORD"]
body = json.dumps(dict(zip(("leader", "candidate"), sys.argv[1:]))).encode()
headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
print(time.time())
urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8008/switchover", body, headers), timeout=100)
"""


class ClusterDatabases(Databases):
    """Both databases through the proxies' ports, and the gateway's ledger where it is."""

    def charged(self) -> int:
        return int(re.search(r"charged (-?\d+)", docker.execute("gateway", "python", "-c", CHARGED))[1])


class Cluster:
    """The stack of the drills. Parts are named as in docker-compose.yml."""

    def __init__(self) -> None:
        self.settings = docker.write_environment()
        value = self.settings
        self.databases = ClusterDatabases(
            f"postgres://reservations:{value['RESERVATIONS_DATABASE_PASSWORD']}@{ADDRESS}:5432/reservations",
            f"mysql://billing:{value['BILLING_DATABASE_PASSWORD']}@{ADDRESS}:3306/billing",
            docker.FOLDER,
        )
        self._admin = ("admin", value["RABBITMQ_ADMIN_PASSWORD"])
        self._cut: dict[str, list[tuple[str, list[str]]]] = {}

    # The way in

    def url(self, program: str) -> str:
        return f"http://{ADDRESS}:{PORTS[program]}"

    def auth(self, audience: str) -> ServiceAuth:
        """As the portal at the sites, as a seller at the front."""
        if audience == "middleware":
            key = self.settings["MIDDLEWARE_SERVICE_KEYS"].split(",")[0].split(":")[1]
            return ServiceAuth(caller="seller", audience=audience, key=key)
        return ServiceAuth(caller="portal", audience=audience, key=self.settings["PORTAL_SERVICE_KEY"])

    def staff(self) -> Staff:
        return Staff(self.url("billing"), STAFF_RUT, STAFF_PASSWORD)

    def manage(self, site: str, code: str) -> str:
        return docker.execute(
            f"{site}-1", "python", "-m", f"{site}_site.manage", "shell", "-v0", "-c", code, within=120
        )

    def make_event(self, name: str, *, rows: int, seats: int) -> tuple[int, list[int]]:
        """A published event; its id and its seats' ids in order."""
        code = MAKE_EVENT.format(name=name, hold_minutes=120, rows=rows, seats=seats, price=10_000)
        event = int(re.search(r"event (\d+)", self.manage("reservations", code))[1])
        found = Site(self.url("reservations")).call("GET", f"/api/events/{event}/seats").body["seats"]
        return event, sorted(seat["id"] for seat in found)

    # Up and well

    def up(self, *, build: bool = True) -> None:
        """Starts what is not there, and waits until all is well."""
        if build:
            docker.compose("build", "--quiet", within=UP_WITHIN)
        # Where the machine is busy with something else a health check may fail once, and compose gives up at that.
        until(
            "the stack is up", lambda: docker.compose("up", "-d", "--wait", within=UP_WITHIN) or True, within=UP_WITHIN
        )
        self.wait_healthy(within=UP_WITHIN)
        if not self.databases.billing_rows("select 1 from user where is_superuser"):
            self.manage("billing", MAKE_STAFF)

    def empty(self) -> None:
        """Nothing was ever sold; staff stay. The stack goes on meanwhile."""
        # With the fence: billing's count of generations goes too, and its words would all be too old.
        sql = "truncate venues_venue, outbox_outboxmessage, healing_fence cascade"
        docker.execute(self.primary(), "psql", "-U", "postgres", "-d", "reservations", "-qc", sql)
        tables = [row[0] for row in self.databases.billing_rows("show tables")]
        emptied = [name for name in tables if name.split("_")[0] in EMPTIED]
        lines = "; ".join(f"delete from {name}" for name in emptied)
        script = f'MYSQL_PWD=$MARIADB_ROOT_PASSWORD mariadb -uroot billing -e "set foreign_key_checks = 0; {lines}"'
        docker.execute(self.mariadb_primary(), "sh", "-c", script)
        docker.execute("gateway", "python", "-c", EMPTY_LEDGER)

    def down(self) -> None:
        docker.compose("down", "--volumes", "--remove-orphans")

    def ill(self) -> list[str]:
        """What is not well, as sentences; empty when every part is as it should be."""
        found = []
        for service, statuses in docker.states().items():
            if service.endswith(ONCE):
                continue
            found += [f"{service}: {status}" for status in statuses if "(healthy)" not in status]
        if found:
            return found
        postgres = self.postgres()
        if sorted(postgres.values()) != ["primary", "replica", "replica"]:
            found.append(f"PostgreSQL: {postgres}")
        nodes = self.rabbitmq("nodes")
        found += [f"RabbitMQ: {node['name']} is away" for node in nodes if not node.get("running")]
        found += [f"RabbitMQ: {node['name']} sees a partition" for node in nodes if node.get("partitions")]
        online = self.rabbitmq(f"queues/ticketflow/{QUEUE}").get("online", [])
        if len(nodes) != 3 or len(online) != 3:
            found.append(f"RabbitMQ: {len(nodes)} nodes, {len(online)} of the queue")
        for program in PORTS:
            health = requests.get(f"{self.url(program)}/health", timeout=15)
            if health.status_code != 200:
                found.append(f"{program}: {health.text[:200]}")
        return found

    def wait_healthy(self, *, within: float = HEALTHY_WITHIN) -> None:
        left: list[str] = []

        def well() -> bool:
            left[:] = self.ill()
            return not left

        try:
            until("every part is well", well, within=within)
        except NotInTime as error:
            raise NotInTime(f"{error}; {left}") from None

    # Who leads

    def postgres(self) -> dict[str, str]:
        """Node → primary or replica, as the proxy sees it; nodes that are neither are left out."""
        rows = requests.get(f"http://{ADDRESS}:7001/;csv", timeout=5).text.splitlines()
        cells = [row.split(",") for row in rows]
        return {
            row[1]: {"primary": "primary", "replicas": "replica"}[row[0]]
            for row in cells
            if row[0] in ("primary", "replicas") and row[1].startswith("patroni") and row[17].startswith("UP")
        }

    def primary(self) -> str:
        """The PostgreSQL node that takes writes."""
        return until(
            "a PostgreSQL primary",
            lambda: next((n for n, role in self.postgres().items() if role == "primary"), None),
            within=LED_WITHIN,
        )

    def standby(self) -> str:
        return next(node for node, role in sorted(self.postgres().items()) if role == "replica")

    def rabbitmq(self, what: str) -> Any:
        answer = requests.get(f"http://{ADDRESS}:15672/api/{what}", auth=self._admin, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def queue_leader(self, queue: str = QUEUE) -> str:
        """The RabbitMQ node that leads the queue to billing."""
        return self.rabbitmq(f"queues/ticketflow/{queue}")["leader"].partition("@")[2]

    def mariadb_primary(self) -> str:
        return docker.read_environment().get("MARIADB_PRIMARY", "mariadb-1")

    def mariadb_replica(self) -> str:
        return "mariadb-2" if self.mariadb_primary() == "mariadb-1" else "mariadb-1"

    def partitioned(self) -> set[str]:
        """RabbitMQ nodes that others report as cut off although they are back."""
        return {name.partition("@")[2] for node in self.rabbitmq("nodes") for name in node.get("partitions", [])}

    # Ways to fail, and back

    def crash(self, *services: str) -> None:
        """kill -9 of all containers of these services; docker starts them again."""
        for one in [one for service in services for one in docker.containers(service)]:
            docker.crash(one)

    def crash_one(self, service: str) -> None:
        docker.crash(docker.container(service))

    def crash_postgres(self, node: str) -> None:
        docker.crash_process(docker.container(node), named="/usr/lib/postgresql/17/bin/postgres")

    def lose(self, *services: str) -> None:
        """The machines of these are gone until `start`."""
        for one in [one for service in services for one in docker.containers(service)]:
            docker.lose(one)

    def start(self, *services: str) -> None:
        for one in [one for service in services for one in docker.containers(service)]:
            docker.start(one)

    def stop(self, *services: str) -> None:
        for one in [one for service in services for one in docker.containers(service)]:
            docker.stop(one)

    def restart(self, *services: str) -> None:
        """All at the same time, gracefully."""
        found = [one for service in services for one in docker.containers(service)]
        docker.run("docker", "restart", *found, within=300)

    def freeze(self, service: str) -> None:
        docker.freeze(docker.container(service))

    def thaw(self, service: str) -> None:
        docker.thaw(docker.container(service))

    def cut(self, service: str) -> None:
        self._cut[service] = docker.cut(docker.container(service))

    def join(self, service: str) -> None:
        docker.join(docker.container(service), self._cut.pop(service))

    def switch_over(self, node: str, to: str) -> float:
        """As for planned work on a node, by the call that `patronictl switchover` makes; when Patroni was told."""
        said = docker.execute(node, "/opt/patroni/bin/python", "-c", SWITCH_OVER, node, to, within=120)
        return float(said.strip())

    def forget(self, *services: str) -> None:
        """Their containers and volumes are gone, for good; new, empty ones start."""
        docker.compose("rm", "--stop", "--force", "--volumes", *services)
        for service in services:
            docker.run("docker", "volume", "rm", f"{docker.PROJECT}_{service}")
        docker.compose("up", "-d", "--no-deps", "--no-recreate", *services)

    def promote(self, node: str) -> str:
        """The documented command; its last lines."""
        return docker.run("deploy/mariadb/promote", node, within=600)
