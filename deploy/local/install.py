"""Makes `.venv` ready for a list of requirements: `python3 deploy/local/install.py demo|dev|…`.

Runs on a bare Python 3.11 or newer and uses nothing but its standard library. A second run is
instant: the environment carries a stamp of the list that it was made from. For `dev` the
machine's own programs (servers, browser, compiler) are looked for too, and installed from
Debian's packages when we may.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
CONTAINED_IN = {"demo": ("dev",)}  # a richer list serves as well
POLICY = Path("/usr/sbin/policy-rc.d")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CannotInstall(Exception):
    """What is missing, in a sentence for the person at the terminal."""


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when the environment is ready."""
    name = arguments[0] if arguments else "demo"
    try:
        if sys.version_info < OLDEST:
            found = ".".join(map(str, sys.version_info[:3]))
            raise CannotInstall(
                f"TicketFlow needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {found}. "
                "Name another one: make PYTHON=/path/to/python3.11 …"
            )
        requirements = ROOT / "requirements" / f"{name}.txt"
        if not requirements.exists():
            raise CannotInstall(f"There is no list requirements/{name}.txt.")
        with alone():
            ensure_programs(name)
            ensure_environment(name, requirements)
    except CannotInstall as reason:
        print(f"install: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninstall: interrupted; the next start goes on from here.", file=sys.stderr)
        return 130
    except subprocess.CalledProcessError as error:
        print(f"install: {' '.join(map(str, error.cmd))} ended with code {error.returncode}.", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Waits while another terminal installs for this tree: two pips in one `.venv` break each other's files."""
    folder = os.open(ROOT / "requirements", os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("install: waiting for another one to end", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


# The machine's programs


def on_path(program: str) -> Callable[[], bool]:
    """A question: is the program there, also in the folders that only root's PATH names?"""
    return lambda: shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}") is not None


def on_disk(pattern: str) -> Callable[[], bool]:
    """A question: does any file match?"""
    return lambda: any(Path("/").glob(pattern.lstrip("/")))


def has_headers() -> bool:
    """Whether C extensions can be built for this very Python (Debian's, pyenv's, any)."""
    return Path(sysconfig.get_paths()["include"], "Python.h").exists()


def can_make_environments() -> bool:
    """Whether `python3 -m venv` works; Debian ships it apart."""
    return importlib.util.find_spec("ensurepip") is not None


# Debian's package, and how to see that what we need of it is there, wherever it came from.
FOR_ANY: dict[str, Callable[[], bool]] = {
    "python3-venv": lambda: PYTHON.exists() or can_make_environments(),
    "tzdata": on_disk("/usr/share/zoneinfo/America/Santiago"),
}
FOR_DEV: dict[str, Callable[[], bool]] = {
    "postgresql": on_disk("/usr/lib/postgresql/*/bin/initdb"),
    "mariadb-server": on_path("mariadbd"),
    "mariadb-client": on_path("mariadb"),
    "rabbitmq-server": on_disk("/usr/lib/rabbitmq/bin/rabbitmq-server"),
    "nginx-light": on_path("nginx"),
    "chromium": on_path("chromium"),
    "fonts-dejavu-core": on_disk("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    "gettext": on_path("msgfmt"),
    "gcc": on_path("gcc"),
    "libc6-dev": on_disk("/usr/include/stdlib.h"),
    "pkg-config": on_path("pkg-config"),
    "libmariadb-dev": on_disk("/usr/include/mariadb/mysql.h"),
    "python3-dev": has_headers,
}


def ensure_programs(name: str) -> None:
    """Installs what is missing where we may, and names it where we may not."""
    wanted = {**FOR_ANY, **(FOR_DEV if name == "dev" else {})}
    missing = [package for package, is_there in wanted.items() if not is_there()]
    if not missing:
        return
    become_root = may_install()
    listed = " ".join(missing)
    if become_root is None:
        raise CannotInstall(
            f"missing on this machine: {', '.join(missing)} (names of Debian's packages). "
            f"Install them first; on Debian or Ubuntu: sudo apt-get install {listed}"
        )
    if missing == ["python3-venv"] and not debians_python():
        raise CannotInstall(f"{sys.executable} has no ensurepip, so it cannot make .venv; use another Python.")
    started = time.monotonic()
    print(f"install: installing from Debian's packages: {listed}", flush=True)
    with no_daemons(become_root):
        apt(become_root, "update", "-q")
        apt(become_root, "install", "-q", "-y", "--no-install-recommends", *missing)
    importlib.invalidate_caches()
    still = [package for package in missing if not wanted[package]()]
    if still:
        raise CannotInstall(f"installed {', '.join(still)}, but cannot find what it should bring.")
    print(f"install: installed them in {time.monotonic() - started:.0f} s", flush=True)


def may_install() -> list[str] | None:
    """The words to put before a command that root must run; None when we may not."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if asked.returncode == 0:
            return ["sudo", "-n"]
    return None


def debians_python() -> bool:
    """Whether this Python came from Debian's packages, so that apt can complete it."""
    return sys.base_prefix == "/usr"


def apt(become_root: Sequence[str], *words: str) -> None:
    """Runs apt-get without questions."""
    quietly(
        [*become_root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "apt-get", *words],
        f"apt-get {words[0]} failed",
    )


def quietly(command: Sequence[str], failure: str) -> None:
    """Runs a command whose words are shown only when it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-20:]), file=sys.stderr)
        raise CannotInstall(f"{failure} (above are its last words).")


@contextlib.contextmanager
def no_daemons(become_root: Sequence[str]) -> Iterator[None]:
    """Keeps packages from starting their servers on the standard ports while they are installed.

    Debian's own switch for this is the file policy-rc.d; what was there comes back afterwards.
    """

    def run(*command: str, text: str | None = None) -> None:
        subprocess.run([*become_root, *command], input=text, text=True, check=True, stdout=subprocess.DEVNULL)

    aside = POLICY.with_suffix(".ticketflow")
    had_one = POLICY.exists()
    if had_one:
        run("mv", str(POLICY), str(aside))
    try:
        run("tee", str(POLICY), text="#!/bin/sh\nexit 101\n")
        run("chmod", "755", str(POLICY))
        yield
    finally:
        run("rm", "-f", str(POLICY))
        if had_one:
            run("mv", str(aside), str(POLICY))


# The environment


def ensure_environment(name: str, requirements: Path) -> None:
    """Makes `.venv` when it is missing or broken, and installs the list unless it has been."""
    works = environment_works()
    if works and any(is_stamped(other) for other in (name, *CONTAINED_IN.get(name, ()))):
        return
    started = time.monotonic()
    if not (works and is_whole()):
        print(f"install: making .venv with Python {sys.version.split()[0]}", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        quietly([sys.executable, "-m", "venv", str(VENV)], "making .venv failed")
    print(f"install: installing requirements/{name}.txt (once; a minute or two)", flush=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
    subprocess.run([*pip, "-r", str(requirements)], check=True, stdin=subprocess.DEVNULL)
    stamp(name).write_text(fingerprint(name))
    print(f"install: .venv is ready ({time.monotonic() - started:.0f} s)", flush=True)


def environment_works() -> bool:
    """Whether `.venv` has a Python that runs; the one it was made from may have gone."""
    return PYTHON.exists() and succeeds("-c", "")


def is_whole() -> bool:
    """Whether `.venv` was made to its end: pip comes last, and a Ctrl-C may have come before."""
    return succeeds("-m", "pip", "--version")


def succeeds(*words: str) -> bool:
    """Whether `.venv`'s Python runs these words to a good end."""
    return subprocess.run([str(PYTHON), *words], capture_output=True, check=False).returncode == 0


def is_stamped(name: str) -> bool:
    """Whether the list, as it is now, has been installed."""
    file = stamp(name)
    return file.exists() and file.read_text() == fingerprint(name)


def stamp(name: str) -> Path:
    return VENV / f"ticketflow-{name}.stamp"


def fingerprint(name: str) -> str:
    requirements = ROOT / "requirements" / f"{name}.txt"
    return hashlib.sha256(requirements.read_bytes()).hexdigest() if requirements.exists() else ""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
