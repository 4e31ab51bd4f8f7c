"""`make test`: every suite against real servers that are started for it and ended after it.

Each site's tests run with that site's own settings and environment. The last line is
`N passed, N failed`; the exit code is 0 only when nothing failed. With CI=true a skipped test
is a failure: there, everything must be able to run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import leash
from deploy.local.environments import ROOT, Backends, Environments, Ports
from deploy.local.processes import SupervisorError, claim
from deploy.local.rabbitmq import OWN_VHOST
from deploy.local.servers import ServerError, Servers

RUNS = ROOT / ".test"
FOLDER = RUNS / f"run-{os.getpid()}"  # of its own, so that two may run at the same time
NOTHING_COLLECTED = 5  # pytest's exit code


@dataclass(frozen=True)
class Suite:
    """A folder of tests, the settings they need, and the programs whose environment they see."""

    name: str
    folder: str
    settings: str | None = None
    environments: Sequence[str] = ()
    without: Sequence[str] = ()  # folders in it that another suite runs
    beside: bool = False  # has servers of its own and mostly waits: runs beside the others


SUITES = (
    Suite("deploy", "deploy/local"),
    Suite(
        "middleware_worker",
        "middleware_worker",
        "middleware_worker.gateway.settings",
        ("middleware",),
        without=("middleware_worker/outbox",),
    ),
    # The outbox is an app of both sites, so it must hold on both engines.
    Suite("outbox_postgresql", "middleware_worker/outbox", "reservations_site.settings", ("reservations-relay",)),
    Suite("outbox_mariadb", "middleware_worker/outbox", "billing_site.settings", ("billing-relay",)),
    Suite("reservations_site", "reservations_site", "reservations_site.settings", ("reservations",)),
    Suite("billing_site", "billing_site", "billing_site.settings", ("billing",)),
    Suite("portal_site", "portal_site", "portal_site.settings", ("portal",)),
    Suite("tests", "tests", beside=True),
)


@dataclass
class Outcome:
    """What came of one suite."""

    suite: Suite
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0
    could_not_run: str = ""

    @property
    def line(self) -> str:
        if self.could_not_run:
            return f"{self.suite.name:<20} could not run: {self.could_not_run}"
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"{self.suite.name:<20} {self.passed} passed, {self.failed} failed{skipped} in {self.seconds:.0f} s"


def main() -> int:
    """Exit code 0 when every test of the chosen suites ran and passed."""
    options = _options()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    chosen = [suite for suite in SUITES if not options.suite or suite.name in options.suite]
    _tidy()
    FOLDER.mkdir(parents=True)
    claimed = claim(FOLDER)
    # The tests' own speed is not what is tested; those who need fsync start their own servers.
    servers = Servers(FOLDER / "servers", durable=False)
    try:
        started = time.monotonic()
        servers.start()
        print(f"== PostgreSQL, MariaDB and RabbitMQ are ready ({time.monotonic() - started:.1f} s)", flush=True)
        outcomes = _run_all(chosen, servers, options.pytest)
    except ServerError as reason:
        print(f"check: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("check: interrupted", file=sys.stderr)
        return 130
    finally:
        servers.close()
        leash.sweep(FOLDER)
        claimed.close()
        shutil.rmtree(FOLDER, ignore_errors=True)
    return _report(outcomes, seconds=time.monotonic() - started)


def _tidy() -> None:
    """Ends and removes what killed runs left; a run that goes on holds its folder."""
    for folder in RUNS.glob("run-*"):
        with contextlib.suppress(SupervisorError), claim(folder):
            leash.sweep(folder)
            Servers.discard(folder / "servers")
            shutil.rmtree(folder, ignore_errors=True)


def _run_all(chosen: Sequence[Suite], servers: Servers, arguments: Sequence[str]) -> list[Outcome]:
    """One suite after the other, and beside them those that may; what these print follows when they have ended."""
    beside = [suite for suite in chosen if suite.beside and len(chosen) > 1]
    with ThreadPoolExecutor(max(1, len(beside))) as pool:
        try:
            # Made before anything runs: databases and ports are found out by looking, which two at once must not do.
            environments = {suite.name: _environment(suite, servers) for suite in chosen}
            files = {suite.name: FOLDER / f"{suite.name}.txt" for suite in beside}
            running = [
                pool.submit(_run, suite, environments[suite.name], arguments, into=files[suite.name])
                for suite in beside
            ]
            outcomes = [_run(suite, environments[suite.name], arguments) for suite in chosen if suite not in beside]
            for suite, one in zip(beside, running, strict=True):
                if not one.done():
                    print(f"\n== {suite.name} goes on", flush=True)
                outcomes.append(one.result())
                print(files[suite.name].read_text(errors="replace"), flush=True)
            return outcomes
        except BaseException:
            leash.sweep(FOLDER)  # or the pool would wait for them
            raise


def _run(suite: Suite, environment: dict[str, str], arguments: Sequence[str], *, into: Path | None = None) -> Outcome:
    outcome = Outcome(suite)
    print(f"\n== {suite.name}{', beside the others' if into else ''}", flush=True)
    if into:
        into.touch()
    if not any((ROOT / suite.folder).rglob("test_*.py")):
        outcome.could_not_run = f"there are no tests in {suite.folder}/"
        return outcome
    report = FOLDER / f"{suite.name}.xml"
    argv = [sys.executable, "-m", "pytest", suite.folder, "-q", f"--junitxml={report}", "-o", "junit_family=xunit1"]
    argv += [f"--ignore={folder}" for folder in suite.without]
    argv += [f"--ds={suite.settings}"] if suite.settings else ["-p", "no:django"]
    started = time.monotonic()
    output = into.open("w") if into else None
    process = subprocess.Popen(
        [*argv, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
    )
    try:
        code = process.wait()
    finally:
        leash.kill_tree(process.pid)  # whatever the tests left running, and all of it on Ctrl-C
        process.wait()
        if output:
            output.close()
    outcome.seconds = time.monotonic() - started
    _count(outcome, report, code)
    return outcome


def _environment(suite: Suite, servers: Servers) -> dict[str, str]:
    backends = Backends(
        reservations=servers.postgres.database("reservations"),
        portal=servers.postgres.database("portal"),
        billing=servers.mariadb.database("billing"),
        broker=servers.rabbitmq.url(OWN_VHOST),
        sellers_broker=servers.rabbitmq.url(),
    )
    made = Environments(folder=FOLDER / f"environment-{suite.name}", ports=Ports.free(), backends=backends)
    own: dict[str, str] = {}
    for program in suite.environments:
        own |= made.of(program)
    description = servers.write(FOLDER / f"servers-{suite.name}.json")
    return {**os.environ, **own, "TICKETFLOW_SERVERS": str(description), leash.MARK: str(FOLDER)}


def _count(outcome: Outcome, report: Path, code: int) -> None:
    if code == NOTHING_COLLECTED:
        outcome.could_not_run = "pytest found no test"
        return
    if not report.exists():
        outcome.could_not_run = f"pytest ended with code {code}"
        return
    for case in ET.parse(report).getroot().iter("testcase"):
        name = f"{case.get('file') or case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            outcome.failed += 1
        elif "skipped" in kinds:
            outcome.skipped.append(name)
        else:
            outcome.passed += 1
    if code and not outcome.failed:
        outcome.could_not_run = f"pytest ended with code {code}"


def _report(outcomes: Sequence[Outcome], *, seconds: float) -> int:
    strict = os.environ.get("CI", "").lower() in ("true", "1")
    skipped = [name for outcome in outcomes for name in outcome.skipped]
    print("\n== Summary")
    for outcome in outcomes:
        print(f"   {outcome.line}")
    for name in skipped:
        print(f"   skipped: {name}")
    failed = sum(outcome.failed for outcome in outcomes)
    if strict and skipped:
        print("   Nothing may be skipped in CI: each counts as failed.")
        failed += len(skipped)
    failed += sum(bool(outcome.could_not_run) for outcome in outcomes)
    print(f"   {seconds:.0f} s in all", flush=True)
    print(f"{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test", description="Runs the tests on real servers.")
    parser.add_argument("suite", nargs="*", help="only these: " + ", ".join(suite.name for suite in SUITES))
    options = parser.parse_args()
    options.pytest = shlex.split(os.environ.get("ARGS", ""))
    if unknown := set(options.suite) - {suite.name for suite in SUITES}:
        parser.error(f"no suite named {', '.join(sorted(unknown))}")
    return options


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
