"""The supervisor against real child processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deploy.local import leash
from deploy.local.engine import until
from deploy.local.ports import free_port
from deploy.local.processes import Program, Supervisor, SupervisorError

ENV = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
ROOT = Path(__file__).parents[3]
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
# Makes a grandchild in a session of its own, writes its pid, and ignores a polite signal.
STUBBORN = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(600)
"""
SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path, lines):
    with Supervisor(tmp_path, say=lines.append) as running:
        yield running


def test_a_killed_program_is_started_again_and_one_line_says_so(supervisor, lines):
    supervisor.add(Program("sleeper", SLEEP, ENV))
    supervisor.start("sleeper")
    first = supervisor.wait_ready("sleeper")

    os.kill(first, signal.SIGKILL)

    second = supervisor.wait_ready("sleeper", timeout=20, other_than=first)
    assert second != first
    assert [line for line in lines if "sleeper was killed by SIGKILL" in line] == lines
    assert len(lines) == 1


def test_a_program_that_keeps_dying_is_started_with_growing_delays(supervisor, lines):
    supervisor.add(Program("broken", [sys.executable, "-c", "raise SystemExit(3)"], ENV))
    supervisor.start("broken")

    assert until(lambda: len(lines) >= 3, timeout=20)

    assert "broken ended with code 3" in lines[0]
    assert ["0.2 s" in lines[0], "0.4 s" in lines[1], "0.8 s" in lines[2]] == [True] * 3


def test_a_program_is_ready_only_when_its_address_answers(supervisor):
    port = free_port()
    argv = [sys.executable, "-c", SERVER, str(port)]
    supervisor.add(Program("web", argv, ENV, ready=f"http://127.0.0.1:{port}/"))
    supervisor.add(Program("mute", SLEEP, ENV, ready=f"http://127.0.0.1:{free_port()}/"))
    supervisor.start("web")
    supervisor.start("mute")

    assert supervisor.wait_ready("web", timeout=20) == supervisor.pid("web")
    with pytest.raises(SupervisorError, match="mute was not ready"):
        supervisor.wait_ready("mute", timeout=0.2)


def test_stopping_leaves_nothing_not_even_a_stubborn_programs_daemon(tmp_path, lines):
    note = tmp_path / "grandchild"
    stubborn = Program("stubborn", [sys.executable, "-c", STUBBORN, str(note)], ENV, patience=0.2)
    with Supervisor(tmp_path, [stubborn], say=lines.append) as supervisor:
        supervisor.start_all()
        assert until(note.exists, timeout=20)
        parent = supervisor.pid("stubborn")
        assert until(lambda: note.read_text().isdigit(), timeout=20)
        grandchild = int(note.read_text())
        assert leash.alive(grandchild)

    assert not leash.alive(parent)
    assert not leash.alive(grandchild)
    assert leash.leashed(tmp_path) == []
    assert lines == []  # what was asked to stop is not reported as dead


def test_a_stopped_program_stays_stopped_and_the_others_go_on(supervisor):
    for name in ("one", "two"):
        supervisor.add(Program(name, SLEEP, ENV))
        supervisor.start(name)
    other = supervisor.pid("two")

    supervisor.stop("one")

    assert supervisor.pid("one") is None
    assert supervisor.pid("two") == other
    supervisor.restart("two")
    assert supervisor.pid("two") not in (None, other)


def test_each_start_gets_a_name_of_its_own(supervisor):
    code = "import sys, time; print(sys.argv[1], flush=True); time.sleep(600)"
    supervisor.add(Program("named", [sys.executable, "-c", code, "node-{unique}"], ENV))
    supervisor.start("named")
    assert until(lambda: "node-" in supervisor.log("named").read_text(), timeout=20)
    supervisor.restart("named")
    assert until(lambda: supervisor.log("named").read_text().count("node-") == 2, timeout=20)

    first, second = supervisor.log("named").read_text().split()
    assert first != second
    assert "{" not in first + second


def test_a_child_started_from_a_thread_that_ends_lives_on(supervisor):
    supervisor.add(Program("sleeper", SLEEP, ENV))
    thread = threading.Thread(target=supervisor.start, args=("sleeper",))
    thread.start()
    thread.join()

    pid = supervisor.pid("sleeper")
    assert pid
    assert supervisor.wait_ready("sleeper") == pid


def test_a_frozen_program_goes_on_after_resume(supervisor):
    port = free_port()
    ready = f"http://127.0.0.1:{port}/"
    supervisor.add(Program("web", [sys.executable, "-c", SERVER, str(port)], ENV, ready=ready))
    supervisor.start("web")
    pid = supervisor.wait_ready("web", timeout=20)

    supervisor.pause("web")
    assert until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", timeout=20)
    supervisor.resume("web")

    assert supervisor.wait_ready("web", timeout=20) == pid


def test_a_second_supervisor_is_refused_and_names_the_first(supervisor, tmp_path):
    with pytest.raises(SupervisorError, match=f"process {os.getpid()}"):
        Supervisor(tmp_path).open()


def test_no_child_outlives_a_supervisor_that_was_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from deploy.local.processes import *\n"
        f"s = Supervisor(Path({str(tmp_path)!r}), [Program('sleeper', {SLEEP!r}, {{}})]); s.start_all()\n"
        "print(s.pid('sleeper'), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=ENV) as parent:
        child = int(parent.stdout.readline())
        assert leash.alive(child)

        parent.kill()

    assert leash.wait_gone([child], 10)


def test_a_second_start_ends_what_a_killed_run_left_behind(tmp_path, lines):
    note = tmp_path / "grandchild"
    code = (
        "import sys, time; from pathlib import Path; from deploy.local.processes import *\n"
        f"p = Program('stubborn', [sys.executable, '-c', {STUBBORN!r}, {str(note)!r}], {{}})\n"
        f"s = Supervisor(Path({str(tmp_path)!r}), [p]); s.start_all(); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=ENV) as parent:
        assert until(lambda: note.exists() and note.read_text().isdigit(), timeout=20)
        parent.kill()
    daemon = int(note.read_text())
    assert leash.alive(daemon)  # in a session of its own, its parent killed: only the mark finds it

    with Supervisor(tmp_path, say=lines.append):
        assert not leash.alive(daemon)
    assert "that an earlier run had left behind" in lines[0]  # its killed parent may be dying still, and is counted


def test_a_stranger_who_has_got_a_dead_childs_number_is_spared(tmp_path):
    code = (
        f"import subprocess, sys; print(subprocess.Popen({SLEEP!r}, start_new_session=True).pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENV
    ) as other:
        stranger = int(other.stdout.readline())
        try:
            leash.kill_tree(stranger)
            assert leash.alive(stranger)
        finally:
            leash.kill_tree(other.pid)
    assert leash.wait_gone([stranger], 10)
