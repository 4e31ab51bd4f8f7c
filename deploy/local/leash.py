"""Starts processes that cannot outlive whoever asked for them, and finds those that did.

Three nets, since each has a hole: the kernel kills a child when its parent dies (not its
grandchildren), a child leads its own session (a daemon may leave it), and every descendant
carries a mark in its environment that names the folder it works for (a program may wipe it).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

MARK = "TICKETFLOW_LEASH"


def spawn(
    argv: Sequence[str],
    *,
    folder: Path,
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """The started process, in its own session, writing to `log`; killed when this one dies.

    `env` is its whole environment: nothing is inherited. `user` needs root.
    """
    command = list(argv)
    if setpriv := shutil.which("setpriv"):
        command = [setpriv, "--pdeathsig", "KILL", "--", *command]
    marked = {**env, MARK: os.pathsep.join(filter(None, [os.environ.get(MARK), str(folder.resolve())]))}
    identity: dict[str, Any] = {}
    if user:
        account = pwd.getpwnam(user)
        groups = os.getgrouplist(user, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}
    with log.open("ab") as output:
        return _spawner.call(
            partial(
                subprocess.Popen,
                command,
                env=marked,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **identity,
            )
        )


class _Spawner:
    """One thread that lives as long as the program and makes every child.

    The kernel's parent-death signal is sent when the *thread* that made the child ends, so a
    child made by a short-lived thread would be killed at once.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Any, Future[Any]]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def call(self, make: Any) -> Any:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="spawner", daemon=True)
                self._thread.start()
        answer: Future[Any] = Future()
        self._work.put((make, answer))
        return answer.result()

    def _run(self) -> None:
        while True:
            make, answer = self._work.get()
            try:
                answer.set_result(make())
            except BaseException as error:  # the caller gets it, this thread must live on
                answer.set_exception(error)


_spawner = _Spawner()


def family(pid: int) -> list[int]:
    """`pid` and all its living descendants, parents first."""
    children: dict[int, list[int]] = {}
    for other in _processes():
        fields = _stat(other)
        if fields and fields[0] not in "ZX":
            children.setdefault(int(fields[1]), []).append(other)
    found = [pid]
    for member in found:
        found.extend(children.get(member, []))
    return found


def group(leader: int) -> list[int]:
    """The living members of the session that `leader` opened, whoever their parent is now."""
    members = []
    for pid in _processes():
        fields = _stat(pid)
        if fields and fields[0] not in "ZX" and int(fields[3]) == leader:
            members.append(pid)
    return members


def send(pids: Iterable[int], number: int) -> None:
    """Sends a signal to each process; one that is gone already is no error."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_tree(pid: int) -> None:
    """Kills our child `pid`, its descendants and its session with SIGKILL, and waits until they are gone.

    A child that was reaped long ago may have left its number to somebody else, who is spared.
    """
    fields = _stat(pid)
    if fields and int(fields[1]) != os.getpid():
        return
    doomed = list(dict.fromkeys([*family(pid), *group(pid)]))
    send(doomed, signal.SIGKILL)
    wait_gone(doomed, 10)


def wait_gone(pids: Iterable[int], seconds: float) -> bool:
    """Whether all of them were gone (or are zombies that their parent will reap) in time."""
    deadline = time.monotonic() + seconds
    left = list(pids)
    while left := [pid for pid in left if alive(pid)]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def leashed(folder: Path) -> list[int]:
    """Every living process started for `folder` or one in it, by this program or an earlier one."""
    name = str(folder.resolve())
    mine = {os.getpid(), *_ancestors()}

    def is_marked(pid: int) -> bool:
        return any(mark == name or mark.startswith(f"{name}/") for mark in _mark(pid))

    return [pid for pid in _processes() if pid not in mine and is_marked(pid) and alive(pid)]


def sweep(folder: Path) -> int:
    """Kills what an earlier, killed run left working for `folder`; how many there were."""
    found: set[int] = set()
    for _ in range(20):  # a process may fork while we look
        left = leashed(folder)
        if not left:
            break
        found.update(left)
        send(left, signal.SIGKILL)
        wait_gone(left, 5)
    return len(found)


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:  # no /proc: the process groups have to do
        return []


def _stat(pid: int) -> list[str]:
    """State, parent, process group, session…: the fields after the program's name."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _ancestors() -> list[int]:
    found, pid = [], os.getppid()
    while pid > 1:
        found.append(pid)
        fields = _stat(pid)
        pid = int(fields[1]) if fields else 0
    return found


def _mark(pid: int) -> list[str]:
    """The folders a process works for; none when it lives under another root (a chroot)."""
    try:
        if not os.path.samefile(f"/proc/{pid}/root", "/"):
            return []
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return []
    for entry in environment.split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name == MARK.encode():
            return os.fsdecode(value).split(os.pathsep)
    return []
