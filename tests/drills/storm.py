"""A quiet run and a storm: the same load without any fault, and with one fault after the other."""

import random
from collections.abc import Callable
from typing import Any

from tests.drills import docker
from tests.drills.drills import drill
from tests.drills.scene import Scene

EVERY = 20.0
ROUNDS = 30
CRASHED = (  # noqa: SIM905 (a list of so many words reads no better)
    "reservations-1 reservations-2 billing-1 billing-2 portal-1 portal-2 middleware-1 middleware-2 "
    "worker ingress flower reservations-relay reservations-jobs billing-relay billing-jobs gateway "
    "mariadb-1 portal-database nginx proxy-postgres proxy-mariadb proxy-rabbitmq"
).split()
LOST = (*(f"{name}-{n}" for name in ("etcd", "patroni", "rabbitmq") for n in (1, 2, 3)), "mariadb-2")

Fault = tuple[str, Callable[[], Any], Callable[[], Any] | None]


@drill(aim=0.5, within=2, no_failure=True, seats=3600)
def quiet(scene: Scene) -> None:
    """When nothing breaks for five minutes, then no request fails.

    The figures of the other drills are to be read beside these.
    """
    scene.goes_on(300)


@drill(aim=25, within=90, seats=7200)
def storm(scene: Scene) -> None:
    """When for ten minutes something else breaks every 20 s, then nothing is lost and nothing is there twice.

    A buyer waits, or is told to come again, whenever the database of the seats is what broke. Staff see
    tickets arrive late.
    """
    dice = random.Random(scene.seed)
    scene.notes["seed"] = scene.seed
    for _ in range(ROUNDS):
        what, break_it, heal_it = fault(scene, dice)
        scene.breaks(what, break_it)
        scene.goes_on(EVERY)
        if heal_it:
            scene.heals(f"{what}: over", heal_it)
    scene.goes_on(EVERY)
    for node in sorted(scene.cluster.partitioned()):
        scene.heals(f"{node} restarts, since the others report it as cut off", lambda node=node: restart(node))


def restart(node: str) -> None:
    """As docs/runbook.md has it."""
    docker.run("docker", "restart", docker.container(node))


def fault(scene: Scene, dice: random.Random) -> Fault:
    """A random fault; of those that last, the way back."""
    cluster = scene.cluster
    kind = dice.choice(["crash", "crash", "postgres", "lose", "freeze", "cut", "switchover"])
    one = dice.choice(CRASHED if kind == "crash" else LOST)
    if kind == "crash":
        return f"{one} is killed", lambda: cluster.crash_one(one), None
    if kind == "postgres":
        return "PostgreSQL's primary is killed", lambda: cluster.crash_postgres(cluster.primary()), None
    if kind == "switchover":
        return "PostgreSQL's primary hands over", lambda: hand_over(scene), None
    if kind == "lose":
        return f"{one} is lost", lambda: cluster.lose(one), lambda: cluster.start(one)
    if kind == "freeze":
        return f"{one} freezes", lambda: cluster.freeze(one), lambda: cluster.thaw(one)
    return f"{one} is cut off", lambda: cluster.cut(one), lambda: cluster.join(one)


def hand_over(scene: Scene) -> None:
    """A switchover, if there is a standby that could take over now."""
    roles = scene.cluster.postgres()
    standbys = [node for node, role in roles.items() if role == "replica"]
    if "primary" in roles.values() and standbys:
        docker.execute(
            *(standbys[0], "patronictl", "-c", "/etc/patroni/patroni.yml", "switchover", "--force"), check=False
        )
