"""`make demo`: the whole of TicketFlow, embedded, on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from deploy.local.environments import ROOT, Backends, Environments, Ports
from deploy.local.ports import free_port
from deploy.local.processes import Supervisor, SupervisorError
from deploy.local.stack import SITES, Stack, StackError

FOLDER = ROOT / ".demo"
# Whom the sites' demo_data commands create.
LOGINS = """\
Staff, both admins   11111111-1   demo-admin-1
Staff at the gate    33333333-3   demo-puerta-3      (billing)
Staff, finance       44444444-4   demo-finanzas-4    (billing)
Customer             22222222-2   demo-cliente-2"""
NO_LOGINS = """\
Empty (DATA=none). For staff, meanwhile in another terminal:
  make manage SITE=reservations RUN=createsuperuser
  make manage SITE=billing RUN=createsuperuser         (the RUT without its check digit)"""


def main() -> int:
    """Exit code 0 when the person stopped it, 1 when it could not start."""
    options = _options()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    try:
        ports = Ports.from_environment({**_dotenv(ROOT / ".env"), **os.environ})
        if options.reset:
            _forget()
        if options.manage:
            _manage(ports, options.manage[0], options.manage[1:])
        return _run(ports, data=os.environ.get("DATA") or "demo")
    except (StackError, SupervisorError, ValueError) as reason:
        print(f"demo: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The data stays in .demo/ (make demo-reset starts anew).")
        return 0


def _run(ports: Ports, *, data: str) -> int:
    if data not in ("demo", "none"):
        raise ValueError(f"DATA must be demo or none, not {data!r}.")
    if data == "none" and Stack.has_demo_data(FOLDER):
        raise ValueError("there is demo data already; make demo-reset DATA=none throws it away and starts empty.")
    started = time.monotonic()
    print("TicketFlow, embedded: starting.", flush=True)
    stack = Stack.embedded(FOLDER, ports=ports, data=data, say=_say)
    try:
        stack.open()
        if taken := stack.taken_ports():
            raise StackError(in_the_way(taken))
        stack.start()
        _say(f"  ready after {time.monotonic() - started:.1f} s")
        _welcome(stack, data)
        stack.supervisor.run_until_stopped(announce=lambda: _say("Stopping…"))
    finally:
        stack.stop()
    raise KeyboardInterrupt  # one way out, one last line


def in_the_way(taken: dict[str, int]) -> str:
    ports = ", ".join(f"{port} ({name})" for name, port in taken.items())
    moved = " ".join(f"{Ports.variable(name)}={free_port()}" for name in taken)
    return f"in use by another program: port {ports}. Free what is taken, or move it: make demo {moved}"


def _manage(ports: Ports, site: str, words: Sequence[str]) -> NoReturn:
    """Becomes a management command of a site, on the demo's data, at this terminal."""
    if site not in SITES:
        raise ValueError(f"SITE must be one of {', '.join(SITES)}, not {site!r}.")
    made = Environments(folder=FOLDER, ports=ports, backends=Backends.embedded(FOLDER))
    command = [sys.executable, "-m", f"{site}_site.manage", *words]
    os.chdir(ROOT)
    os.execve(command[0], command, {**made.of(site), "TERM": os.environ.get("TERM", "dumb")})


def _welcome(stack: Stack, data: str) -> None:
    flower = stack.environments.secrets["FLOWER_PASSWORD"]
    lines = [
        "",
        f"  Customers        {stack.url('portal', '/')}",
        f"  Box office       {stack.url('reservations', '/admin/')}   API {stack.url('reservations', '/api/docs/')}",
        f"  Billing staff    {stack.url('billing', '/admin/')}   API {stack.url('billing', '/api/docs/')}",
        f"  Outside sellers  {stack.url('middleware', '/health')}",
        f"  Flower           {stack.url('flower', '/')}   user flower, password {flower}",
        "",
        *(f"  {line}" for line in (LOGINS if data == "demo" else NO_LOGINS).splitlines()),
        "",
        f"  Mail is written as files into {_short(stack.environments.mail)}/; logs: {_short(stack.supervisor.logs)}/.",
        "  This is the embedded default: SQLite files and a broker that is a folder, on this machine only.",
        "  The real thing, every part doubled: docker compose up (see README.md).",
        "  Ctrl-C stops it; what dies meanwhile is started again.",
    ]
    print("\n".join(lines), flush=True)


def _forget() -> None:
    """Throws the demo's data away, unless a demo is running on it."""
    if not FOLDER.exists():
        return
    with Supervisor(FOLDER, say=_say):
        for entry in FOLDER.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "supervisor.lock":
                entry.unlink()
    print("The demo's data has been thrown away.", flush=True)


def _dotenv(file: Path) -> dict[str, str]:
    """The ports of a `.env`; nothing else of it concerns the demo."""
    if not file.exists():
        return {}
    pairs = (line.partition("=") for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip().endswith("_PORT")}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.demo", description=__doc__)
    parser.add_argument("--reset", action="store_true", help="throw the data away first")
    parser.add_argument("--manage", nargs=argparse.REMAINDER, metavar="SITE COMMAND", help="a management command")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, flush=True)


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
