"""What PostgreSQL, MariaDB and RabbitMQ have in common when they run privately for us."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from deploy.local import leash
from deploy.local.ports import free_port

USER = "ticketflow"


class ServerError(RuntimeError):
    """A private server could not be started or reached; the sentence says why."""


class Server(ABC):
    """One private server on a free loopback port, with its data in a folder of its own.

    It runs as the engine's own system user when we are root (PostgreSQL refuses root) and as
    ourselves otherwise. `durable=False` trades safety against power cuts for speed.
    """

    name: ClassVar[str]
    account: ClassVar[str]  # the system user that Debian's package makes for it
    polite: ClassVar[int] = signal.SIGTERM

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        self.user = _account(self.account)
        self.folder = reachable(folder, self.user) / self.name
        self.data = self.folder / "data"
        self.log = self.folder / f"{self.name}.log"
        self.port = port or free_port()
        self.durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._paused: list[int] = []
        self._make_folder()
        self.password = self._keep_password()
        _open_servers.add(self)

    # What each engine says of itself

    @abstractmethod
    def url(self, name: str = "") -> str:
        """The address that clients use, with user and password."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves clients now."""

    @abstractmethod
    def _create(self) -> None:
        """Makes an empty data folder."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The program to run; its main process must be the server itself, not a wrapper."""

    def _before_start(self) -> None:  # noqa: B027 - most engines need nothing
        """What must be tidied before the server can start in its data folder."""

    def _after_start(self) -> None:  # noqa: B027 - most engines need nothing
        """What must be said to a server that has just come up."""

    # Its life

    def start(self, *, timeout: float = 180) -> Self:
        """Starts it, with a new data folder when there is none, and waits until it serves."""
        if self.running:
            return self
        leash.sweep(self.folder)  # a killed run's server would hold the data folder
        if not self.data.exists():
            self._create()
        self._before_start()
        self._process = self._spawn(self._command())
        self.wait_ready(timeout=timeout)
        self._after_start()
        return self

    def stop(self, *, timeout: float = 30) -> None:
        """Asks it to shut down in order, and kills it when it does not in time."""
        if self._process and self._process.poll() is None:
            self.resume()
            leash.send([self._process.pid], self.polite)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """SIGKILL for every process of the server, as when the machine dies; returns when gone."""
        if self._process:
            leash.kill_tree(self._process.pid)
            self._process.wait(10)
        leash.sweep(self.folder)
        self._process = None
        self._paused = []

    def wipe(self) -> None:
        """Deletes the data folder, as when the disk is lost. Kills the server first."""
        self.kill()
        shutil.rmtree(self.data, ignore_errors=True)

    def close(self) -> None:
        """Kills it and removes all that it kept, log and password included."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pause(self) -> None:
        """Freezes every process of it (SIGSTOP): it accepts connections and answers nothing."""
        if self._process is None:
            raise ServerError(f"{self.name} is not running, so it cannot be paused.")
        self._paused = leash.family(self._process.pid)
        leash.send(self._paused, signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused server go on; does nothing to one that is not paused."""
        leash.send(self._paused, signal.SIGCONT)
        self._paused = []

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait_ready(self, *, timeout: float = 180) -> None:
        """Returns once it serves clients; raises with the end of its log when it does not."""
        deadline = time.monotonic() + timeout
        while not self.answers():
            if not self.running:
                raise ServerError(f"{self.name} stopped while starting. {self._last_words()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} did not answer within {timeout:.0f} s. {self._last_words()}")
            time.sleep(0.05)

    def describe(self) -> dict[str, Any]:
        """What another process needs in order to use this server."""
        return {"url": self.url(), "host": "127.0.0.1", "port": self.port, "user": USER,
                "password": self.password, "log": str(self.log)}  # fmt: skip

    # For the engines

    def _environment(self) -> dict[str, str]:
        return {"PATH": SYSTEM_PATH, "HOME": str(self.folder), "LANG": "C.UTF-8", "TZ": "UTC"}

    def _spawn(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        return leash.spawn(
            argv,
            folder=self.folder,
            log=self.log,
            env=self._environment(),
            cwd=self.folder,
            user=self.user,
        )

    def _run(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> str:
        """What a program of the engine printed; raises with its words when it fails."""
        identity: dict[str, Any] = {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid,
                                    "extra_groups": []} if self.user else {}  # fmt: skip
        done = subprocess.run(
            argv,
            env={**self._environment(), **(env or {})},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,  # apart from each other: MariaDB 11's client warns on every call
            text=True,
            timeout=120,
            check=False,
            **identity,
        )
        if done.returncode:
            said = f"{done.stdout}{done.stderr}"[-2000:].strip()
            raise ServerError(f"{Path(argv[0]).name} failed ({done.returncode}): {said}")
        return done.stdout

    def _own(self, path: Path) -> Path:
        """Gives a file or folder to the user that the server runs as."""
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(path, account.pw_uid, account.pw_gid)
        return path

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._own(self.folder)

    def _keep_password(self) -> str:
        file = self.folder / "password"
        if not file.exists():
            file.touch(0o600)
            file.write_text(secrets.token_urlsafe(18))
        return self._own(file).read_text()

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-15:]
        except OSError:
            lines = []
        return f"The end of {self.log}:\n" + "\n".join(lines)


SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def reachable(folder: Path, user: str | None) -> Path:
    """`folder`, or a stand-in under /var/tmp when the server's user could not enter it."""
    folder = folder.resolve()
    if user is None or all(_open_to_all(parent) for parent in folder.parents):
        folder.mkdir(parents=True, exist_ok=True)
        if _open_to_all(folder):
            return folder
    place = stand_in(folder)
    place.mkdir(mode=0o755, exist_ok=True)
    if place.stat().st_uid != os.geteuid():  # /var/tmp is anybody's: trust only our own
        raise ServerError(f"{place} belongs to somebody else; remove it.")
    return place


def stand_in(folder: Path) -> Path:
    """Where servers keep their data when their user may not enter `folder`."""
    return Path("/var/tmp") / f"ticketflow-{hashlib.sha256(bytes(folder.resolve())).hexdigest()[:12]}"


def find_program(name: str, *places: str, advice: str) -> str:
    """The full path of an installed program; a clear error when it is not there."""
    for place in places:
        for match in sorted(Path("/").glob(f"{place.lstrip('/')}/{name}"), key=_version, reverse=True):
            return str(match)
    if path := shutil.which(name, path=f"{SYSTEM_PATH}:{os.environ.get('PATH', '')}"):
        return path
    raise ServerError(f"{name} is not installed. {advice}")


def until(condition: Callable[[], bool], *, timeout: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _version(path: Path) -> list[int]:
    return [int(part) for part in path.parts if part.isdigit()]


def _account(name: str) -> str | None:
    if os.geteuid():
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return "nobody"


def _open_to_all(folder: Path) -> bool:
    return not folder.exists() or bool(folder.stat().st_mode & stat.S_IXOTH)


_open_servers: weakref.WeakSet[Server] = weakref.WeakSet()


@atexit.register
def _kill_what_is_left() -> None:
    for server in list(_open_servers):
        with contextlib.suppress(Exception):
            server.kill()
