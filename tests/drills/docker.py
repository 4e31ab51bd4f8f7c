"""Containers of one compose project, and the ways in which one of them can fail."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = os.environ.get("COMPOSE_PROJECT_NAME", "drills")
FOLDER = ROOT / ".test" / "drills"
ENVIRONMENT_FILE = FOLDER / "environment"

# A stack of its own beside any other: an address of the loopback that nothing else uses, and its own subnet.
ADDRESS = os.environ.get("DRILLS_ADDRESS", "127.0.0.9")
SETTINGS = {
    "BIND": ADDRESS,
    "OPERATORS_BIND": ADDRESS,
    "WEB_NETWORK": os.environ.get("DRILLS_NETWORK", "10.83.59"),
    "DATA": "none",
    "RESERVATIONS_ALLOWED_HOSTS": f"localhost,127.0.0.1,{ADDRESS}",
    "BILLING_ALLOWED_HOSTS": f"localhost,127.0.0.1,{ADDRESS}",
    "PORTAL_ALLOWED_HOSTS": f"localhost,127.0.0.1,{ADDRESS}",
    "MIDDLEWARE_ALLOWED_HOSTS": f"localhost,127.0.0.1,{ADDRESS}",
    # All load comes from one address, and asks far more often than any buyer.
    "RESERVATIONS_THROTTLE": "1000000/min",
    "RESERVATIONS_ADDRESS_RATE": "1000000r/m",
    # A payment whose outcome is unknown may capture for this long: a drill waits for it.
    "BILLING_GATEWAY_TIMEOUT_SECONDS": "2",
    "BILLING_ATTEMPT_TTL_SECONDS": "15",
}


def write_environment() -> dict[str, str]:
    """The trial's .env with this stack's own settings; roles that a promotion wrote stay as they are."""
    settings = dict(SETTINGS)
    if ENVIRONMENT_FILE.exists():
        old = read_environment()
        settings |= {name: old[name] for name in ("MARIADB_PRIMARY", "MARIADB_REPLICA") if name in old}
    lines = (ROOT / ".env.example").read_text().splitlines()
    kept = [line for line in lines if line.partition("=")[0].lstrip("#") not in settings]
    FOLDER.mkdir(parents=True, exist_ok=True)
    ENVIRONMENT_FILE.write_text("\n".join([*kept, *(f"{k}={v}" for k, v in settings.items())]) + "\n")
    return read_environment()


def read_environment() -> dict[str, str]:
    lines = ENVIRONMENT_FILE.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))


def run(*arguments: str, within: float = 120, check: bool = True, given: str | None = None) -> str:
    """What a program printed; raises with its last lines when it failed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST", "LANG") if name in os.environ}
    environment = kept | {
        "COMPOSE_PROJECT_NAME": PROJECT,
        "COMPOSE_ENV_FILES": str(ENVIRONMENT_FILE.relative_to(ROOT)),
        "COMPOSE_ANSI": "never",
        "COMPOSE_PROGRESS": "quiet",
    }
    found = subprocess.run(
        arguments, cwd=ROOT, env=environment, input=given, capture_output=True, text=True, timeout=within, check=False
    )
    if check and found.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:200]}: {found.returncode}\n{(found.stderr or found.stdout)[-2000:]}")
    return found.stdout


def compose(*arguments: str, within: float = 900, check: bool = True) -> str:
    return run("docker", "compose", *arguments, within=within, check=check)


def containers(service: str | None = None) -> list[str]:
    """Ids of a service's containers in the order of their numbers; of all services without a name."""
    labels = ["--filter", f"label=com.docker.compose.project={PROJECT}"]
    if service:
        labels += ["--filter", f"label=com.docker.compose.service={service}"]
    line = '{{.Label "com.docker.compose.container-number"}} {{.ID}}'
    oneoff = ["--filter", "label=com.docker.compose.oneoff=False"]
    found = run("docker", "ps", "-a", *labels, *oneoff, "--format", line).split("\n")
    return [line.split()[1] for line in sorted(found) if line]


def container(service: str, number: int = 1) -> str:
    return containers(service)[number - 1]


def inspect(one: str) -> dict:
    return json.loads(run("docker", "inspect", one))[0]


def states() -> dict[str, list[str]]:
    """What docker says of each service's containers, such as «Up 5 seconds (healthy)»."""
    line = '{{.Label "com.docker.compose.service"}}\t{{.Status}}'
    labels = ["--filter", f"label=com.docker.compose.project={PROJECT}"]
    labels += ["--filter", "label=com.docker.compose.oneoff=False"]
    found: dict[str, list[str]] = {}
    for row in run("docker", "ps", "-a", *labels, "--format", line).splitlines():
        service, status = row.split("\t")
        found.setdefault(service, []).append(status)
    return found


def execute(service: str, *arguments: str, number: int = 1, within: float = 60, check: bool = True) -> str:
    return run("docker", "exec", container(service, number), *arguments, within=within, check=check)


# --- Ways to fail, and back ---------------------------------------------------------------------


def crash(one: str) -> None:
    """kill -9 of its first process, from outside: docker restarts it as its policy says."""
    os.kill(inspect(one)["State"]["Pid"], signal.SIGKILL)


def crash_process(one: str, *, named: str) -> None:
    """kill -9 of the first process inside whose command begins with `named`."""
    rows = run("docker", "top", one, "-eo", "pid,args").splitlines()[1:]
    pid = next(int(row.split()[0]) for row in rows if row.split(maxsplit=1)[1].startswith(named))
    os.kill(pid, signal.SIGKILL)


def lose(one: str) -> None:
    """As when its machine loses power: it is gone at once and stays away."""
    run("docker", "kill", one)


def start(one: str) -> None:
    run("docker", "start", one)


def stop(one: str) -> None:
    """Gracefully, as for a service of its machine."""
    run("docker", "stop", one)


def freeze(one: str) -> None:
    run("docker", "pause", one)


def thaw(one: str) -> None:
    run("docker", "unpause", one)


def cut(one: str) -> list[tuple[str, list[str]]]:
    """Takes it off all its networks; what `join` needs to bring it back as it was."""
    found = inspect(one)
    links = []
    for network, settings in found["NetworkSettings"]["Networks"].items():
        address = (settings["IPAMConfig"] or {}).get("IPv4Address")
        options = ["--ip", address] if address else []
        names = {*(settings["Aliases"] or []), found["Config"]["Labels"]["com.docker.compose.service"]}
        for name in names - {found["Id"][:12]}:
            options += ["--alias", name]
        links.append((network, options))
    for network, _options in links:
        run("docker", "network", "disconnect", network, one)
    return links


def join(one: str, links: list[tuple[str, list[str]]]) -> None:
    for network, options in links:
        run("docker", "network", "connect", *options, network, one)


def wait_running(one: str, *, within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not inspect(one)["State"]["Running"]:
        if time.monotonic() > deadline:
            raise AssertionError(f"{one} does not run")
        time.sleep(0.5)
