"""Real programs of the middleware as processes of their own, ended by their id."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """A started program. Its lines are kept; `wait_for` returns at the first that holds the words."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        self.arguments = arguments
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "default", **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def wait_for(self, words: str, *, seconds: float = 30) -> str:
        def found() -> str | None:
            return next((line for line in self.lines if words in line), None)

        with self._changed:
            if not self._changed.wait_for(lambda: found() is not None, timeout=seconds):
                raise AssertionError(f"no line with {words!r} within {seconds} s:\n" + "\n".join(self.lines[-40:]))
            return str(found())

    def kill_all(self) -> None:
        """-9 to the program and every process it started: the power went."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, *, seconds: float = 30) -> int:
        """SIGTERM; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill_all()
                raise AssertionError("did not stop:\n" + "\n".join(self.lines[-40:])) from None
        self._close()
        return self.process.returncode

    def end(self) -> None:
        """However it stands: gone after this."""
        if self.process.poll() is None:
            self.kill_all()
        self._close()

    def _close(self) -> None:
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


def worker(env: dict[str, str], *, concurrency: int = 2) -> Program:
    node = f"ticketflow@%h-{uuid.uuid4().hex[:8]}"
    arguments = ("-A", "middleware_worker.worker", "worker", "-n", node, "-c", str(concurrency), "-l", "INFO")
    return Program("celery", *arguments, env=env)


def ingress(env: dict[str, str]) -> Program:
    return Program("middleware_worker.ingress", env=env)
