"""A small supervisor: starts programs, heals what dies, stops all of it in order."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from deploy.local import leash

FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0  # seconds between a death and the next start
HEALTHY_AFTER = 20.0  # a program that lived this long starts again without delay
KEEP_LOG = 5_000_000  # bytes; a longer log is put aside at the next start
UNIQUE = "{unique}"  # in argv: replaced at each start, for names that may not be used twice


class SupervisorError(RuntimeError):
    """A program could not be started or did not become ready; the sentence says which."""


@dataclass(frozen=True)
class Program:
    """What to run, and how to tell that it is ready (an address that answers 2xx, or a question)."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: str | Callable[[], bool] | None = None
    tier: int = 0  # the highest is stopped first: carriers before the sites they carry for
    patience: float = 8  # seconds from the polite signal to the kill
    cwd: Path | None = None

    def is_ready(self) -> bool:
        """Whether it can be used now; a program without a question is ready once it runs."""
        if self.ready is None:
            return True
        return self.ready() if callable(self.ready) else answers_ok(self.ready)


@dataclass
class _Child:
    program: Program
    wanted: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = 0.0  # when to start again
    paused: list[int] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Keeps programs running. One folder belongs to one supervisor at a time.

    All methods may be called from any thread. `say` gets one line for each thing worth telling.
    """

    def __init__(
        self,
        folder: Path,
        programs: Iterable[Program] = (),
        *,
        say: Callable[[str], None] = print,
    ) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self._children = {program.name: _Child(program) for program in programs}
        self._say = say
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._watcher: threading.Thread | None = None
        self._stopping = False
        self._claim: IO[str] | None = None

    # The whole

    def open(self) -> Self:
        """Claims the folder, kills what an earlier run left behind, begins to watch."""
        if self._watcher:
            return self
        self.logs.mkdir(parents=True, exist_ok=True)
        self._claim = claim(self.folder)
        if left := leash.sweep(self.folder):
            self._say(f"Ended {left} process(es) that an earlier run had left behind.")
        self._stopping = False
        self._over.clear()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()
        return self

    def start_all(self) -> None:
        """Starts every program; returns at once (see `wait_all_ready`)."""
        self.open()
        for name in self._children:
            self.start(name)

    def wait_all_ready(self, *, timeout: float = 180) -> None:
        """Returns once every program that was started is ready."""
        deadline = time.monotonic() + timeout
        for name, child in self._children.items():
            if child.wanted:
                self.wait_ready(name, timeout=max(1.0, deadline - time.monotonic()))

    def stop_all(self) -> None:
        """Ends everything, the carriers first, and gives the folder back. Nothing stays."""
        self._stopping = True
        for tier in sorted({child.program.tier for child in self._children.values()}, reverse=True):
            names = [name for name, child in self._children.items() if child.program.tier == tier]
            self._end(names)
        self._over.set()
        if self._watcher and self._watcher is not threading.current_thread():
            self._watcher.join()
        self._watcher = None
        leash.sweep(self.folder)
        if self._claim:
            self._claim.close()
            self._claim = None

    def run_until_stopped(self, *, announce: Callable[[], None] = lambda: None) -> None:
        """Blocks until Ctrl-C or SIGTERM, announces the end, and stops all."""
        asked = threading.Event()
        previous = {number: signal.signal(number, lambda *_: asked.set()) for number in STOP_SIGNALS}
        try:
            asked.wait()
            announce()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            self.stop_all()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_all()

    @property
    def is_open(self) -> bool:
        """Whether it watches; no longer once it has begun to stop."""
        return self._watcher is not None and not self._stopping

    # One program

    def add(self, program: Program) -> None:
        """Puts one more program, not yet started, under supervision."""
        with self._lock:
            if program.name in self._children:
                raise ValueError(f"There is a program named {program.name} already.")
            self._children[program.name] = _Child(program)

    @property
    def names(self) -> list[str]:
        return list(self._children)

    def start(self, name: str) -> None:
        """Starts a program, and from now on starts it again when it dies."""
        with self._lock:
            child = self._child(name)
            child.wanted, child.deaths = True, 0
            if not child.running:
                self._spawn(child)

    def stop(self, name: str) -> None:
        """Asks it to end, kills it when it does not, and leaves it stopped."""
        self._end([name])

    def restart(self, name: str) -> None:
        """Stops it in order and starts it again."""
        self.stop(name)
        self.start(name)

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Sends a signal to the program and all its descendants, as a fault would; its pid.

        With SIGKILL, returns when they are gone; the supervisor then heals it as any death.
        """
        with self._lock:
            child = self._child(name)
            if not child.running or child.process is None:
                raise SupervisorError(f"{name} is not running, so it cannot be signalled.")
            pid = child.process.pid
            if number == signal.SIGKILL:
                leash.kill_tree(pid)
            else:
                leash.send(leash.family(pid), number)
        return pid

    def pause(self, name: str) -> None:
        """Freezes the program and its descendants until `resume`."""
        with self._lock:
            child = self._child(name)
            if child.process is None:
                raise SupervisorError(f"{name} is not running, so it cannot be paused.")
            child.paused = leash.family(child.process.pid)
            leash.send(child.paused, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Lets a paused program go on."""
        with self._lock:
            child = self._child(name)
            leash.send(child.paused, signal.SIGCONT)
            child.paused = []

    def pid(self, name: str) -> int | None:
        """The process id of its main process while it runs."""
        child = self._child(name)
        return child.process.pid if child.running and child.process else None

    def log(self, name: str) -> Path:
        """The file with what the program says."""
        return self.logs / f"{name}.log"

    def wait_ready(self, name: str, *, timeout: float = 30, other_than: int | None = None) -> int:
        """The pid once the program is ready; `other_than` an earlier pid, after a kill."""
        child = self._child(name)
        deadline = time.monotonic() + timeout
        while True:
            pid = self.pid(name)
            if pid and pid != other_than and child.program.is_ready() and self.pid(name) == pid:
                return pid
            if time.monotonic() > deadline:
                words = f"The end of {self.log(name)}:\n{self._last_words(name)}"
                raise SupervisorError(f"{name} was not ready within {timeout:.0f} s. {words}")
            time.sleep(0.05)

    # Inside

    def _child(self, name: str) -> _Child:
        try:
            return self._children[name]
        except KeyError:
            raise KeyError(f"No program named {name}; there are {', '.join(self._children)}.") from None

    def _spawn(self, child: _Child) -> None:
        program, log = child.program, self.log(child.program.name)
        if log.exists() and log.stat().st_size > KEEP_LOG:
            log.replace(log.with_suffix(".log.old"))
        child.process = leash.spawn(
            [part.replace(UNIQUE, secrets.token_hex(4)) for part in program.argv],
            folder=self.folder,
            log=log,
            env=program.env,
            cwd=program.cwd,
        )
        child.started, child.paused = time.monotonic(), []

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            with self._lock:
                for child in list(self._children.values()):
                    self._heal(child)

    def _heal(self, child: _Child) -> None:
        if not child.wanted or child.running:
            return
        now, name = time.monotonic(), child.program.name
        if child.process is not None:  # it has just died
            code = child.process.returncode
            leash.kill_tree(child.process.pid)  # its workers may hold its port still
            child.process = None
            child.deaths = 1 if now - child.started > HEALTHY_AFTER else child.deaths + 1
            delay = min(FIRST_DELAY * 2 ** (child.deaths - 1), LONGEST_DELAY)
            child.due = now + delay
            self._say(f"{name} {_how(code)}; starting it again in {delay:.1f} s (see {self.log(name)}).")
        elif now >= child.due:
            try:
                self._spawn(child)
            except OSError as error:
                child.due = now + LONGEST_DELAY
                self._say(f"{name} cannot be started: {error}.")

    def _end(self, names: Sequence[str]) -> None:
        """Polite signals to all of them at once, then a kill for each that takes too long."""
        with self._lock:
            ending = []
            for name in names:
                child = self._child(name)
                child.wanted = False
                if child.process is not None:
                    leash.send([*child.paused], signal.SIGCONT)
                    if child.running:
                        leash.send([child.process.pid], signal.SIGTERM)
                    ending.append((child, child.process))
        now = time.monotonic()
        for child, process in ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, now + child.program.patience - time.monotonic()))
            leash.kill_tree(process.pid)
            process.wait()
            child.process, child.paused = None, []

    def _last_words(self, name: str) -> str:
        try:
            return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-15:])
        except OSError:
            return "(nothing)"


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def answers_ok(url: str) -> bool:
    """Whether the address answers 2xx within two seconds."""
    try:
        with _no_proxy.open(url, timeout=2) as answer:
            return 200 <= answer.status < 300
    except (OSError, urllib.error.URLError, ValueError):
        return False


_no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def claim(folder: Path) -> IO[str]:
    """The folder's lock file, held; an error that names the holder when another has it."""
    lock = (folder / "supervisor.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise SupervisorError(f"{folder} is in use by another run (process {holder}).") from None
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"
