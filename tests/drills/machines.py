"""Drills that need other machines than the stack's own: a small disk, a wrong clock."""

from collections.abc import Sequence

from tests.drills import docker
from tests.drills.cluster import until
from tests.drills.drills import drill
from tests.drills.scene import Scene

OVERRIDE = docker.FOLDER / "other-machine.yml"
RESERVATIONS = ("reservations-1", "reservations-2", "reservations-relay", "reservations-jobs")
WRONG_CLOCK = "ticketflow/reservations-wrong-clock"
CLOCK = "".join(f"  {name}: {{image: {WRONG_CLOCK}}}\n" for name in RESERVATIONS)
SMALL_NODE = "patroni-3"
DATA = "/var/lib/postgresql/data"
SMALL = f"""  {SMALL_NODE}:
    volumes: ['small:{DATA}']
volumes:
  small:
    driver_opts: {{type: tmpfs, device: tmpfs, o: 'size=700m,mode=0777'}}
"""


def other_machine(text: str, services: Sequence[str]) -> None:
    """Starts the services anew as the text says."""
    OVERRIDE.write_text("services:\n" + text)
    files = ["-f", "docker-compose.yml", "-f", str(OVERRIDE)]
    docker.compose(*files, "up", "-d", "--no-deps", "--wait", *services)


def own_machine(services: Sequence[str]) -> None:
    docker.compose("up", "-d", "--no-deps", "--wait", *services)


@drill(aim=10, within=60)
def clock_off(scene: Scene) -> None:
    """When the clock of all of reservations is two minutes ahead for half a minute, then all is carried as ever.

    A buyer sees a hold that ends two minutes later, by the wrong clock; billing decides when it ends.
    """
    arguments = ["--build-arg", "IMAGE=ticketflow/reservations", "-t", WRONG_CLOCK, "-f"]
    file = "tests/drills/images/clock.Dockerfile"
    docker.run("docker", "build", "-q", *arguments, file, "tests/drills/images", within=300)
    for name in RESERVATIONS:
        scene.breaks(f"{name} starts with a wrong clock", lambda name=name: other_machine(CLOCK, [name]))
    scene.goes_on(30)
    for name in RESERVATIONS:
        scene.heals(f"{name} starts with the right clock", lambda name=name: own_machine([name]))


@drill(aim=60, within=180, seats=3000)
def disk_full(scene: Scene) -> None:
    """When the disk of PostgreSQL's primary is full for half a minute, then nothing acknowledged is gone.

    A buyer is told to come again while the database cannot write.
    """
    node = SMALL_NODE
    other_machine(SMALL, [node])
    until("the node with the small disk follows", lambda: scene.cluster.postgres().get(node) == "replica", within=120)
    scene.cluster.wait_healthy()
    if (primary := scene.cluster.primary()) != node:
        scene.cluster.switch_over(primary, node)
    until("it is the primary", lambda: scene.cluster.primary() == node, within=60)
    scene.goes_on(5)
    fill = f"dd if=/dev/zero of={DATA}/filler bs=1M; true"
    scene.breaks(f"the disk of {node} is full", lambda: docker.execute(node, "sh", "-c", fill, check=False))
    scene.goes_on(30)
    scene.heals("there is room again", lambda: docker.execute(node, "rm", "-f", f"{DATA}/filler"))
    scene.sells()
    scene.goes_on(5)
    _give_back(scene, node)


def _give_back(scene: Scene, node: str) -> None:
    """The node gets its own disk again, after it has handed its role over."""
    scene.cluster.wait_healthy()
    if scene.cluster.primary() == node:
        scene.cluster.switch_over(node, scene.cluster.standby())
        scene.cluster.wait_healthy()
    own_machine([node])
    docker.run("docker", "volume", "rm", f"{docker.PROJECT}_small")
