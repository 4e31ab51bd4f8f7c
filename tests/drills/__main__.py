"""Runs drills: `python -m tests.drills [NAME…]`, all without names; a table of what was measured at the end."""

import argparse
import random
import sys
import time
from collections.abc import Sequence

from tests.drills import docker, machines, restores, storm
from tests.drills.cluster import Cluster, NotInTime
from tests.drills.drills import DRILLS, SHORT
from tests.drills.scene import Result, Scene

assert machines.clock_off and restores.restore and storm.storm  # noqa: PT018 (their drills are registered)


def main() -> int:
    """Exit code 0 when nothing was lost, doubled or broken and all came back in time."""
    asked = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    asked.add_argument("names", nargs="*", metavar="NAME", help=", ".join(DRILLS))
    asked.add_argument("--short", action="store_true", help="only " + ", ".join(SHORT))
    asked.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked.add_argument("--keep", action="store_true", help="leave the stack running")
    asked.add_argument("--no-build", action="store_true", help="with the images that are there")
    asked.add_argument("--list", action="store_true", help="say what there is")
    given = asked.parse_args()
    if given.list:
        for drill in DRILLS.values():
            print(f"{drill.name:24} {drill.sentence}")
        return 0
    names = given.names or list(SHORT if given.short else DRILLS)
    if unknown := [name for name in names if name not in DRILLS]:
        print(f"drills: there is no {', '.join(unknown)}; there are {', '.join(DRILLS)}")
        return 2
    cluster = Cluster()
    print(f"drills: {len(names)} drills, seed {given.seed}; starting the stack {docker.PROJECT!r} on {docker.ADDRESS}")
    began = time.monotonic()
    try:
        cluster.up(build=not given.no_build)
        print(f"drills: up after {time.monotonic() - began:.0f} s")
        results = []
        for number, name in enumerate(names):
            try:
                results.append(run(cluster, name, given.seed + number))
            except NotInTime as error:
                print(f"{name}: not begun, {error}", flush=True)
    finally:
        if not given.keep:
            cluster.down()
    print(table(results))
    failed = [result for result in results if result.has_failed]
    print(f"drills: {len(results) - len(failed)} passed, {len(failed)} failed, {len(names) - len(results)} not begun")
    return 1 if failed or len(results) < len(names) else 0


def run(cluster: Cluster, name: str, seed: int) -> Result:
    print(f"\n{name}: {DRILLS[name].sentence}", flush=True)
    result = Scene(cluster, DRILLS[name], seed=seed, say=lambda line: print(line, flush=True)).run()
    # Here, not in the scene: what the self-test saw of a broken stack is no result.
    result.write()
    for kind in ("lost", "doubled", "broken"):
        for sentence in getattr(result.verdict, kind)[:5]:
            print(f"    {kind}: {sentence}")
    if result.times.errors:
        print("    not answered: " + ", ".join(f"{n} {kind}" for kind, n in result.times.errors_by_kind.items()))
    if result.failure:
        print(f"    failed: {result.failure}")
    print("    " + row(result), flush=True)
    return result


HEAD = f"{'drill':24} {'requests':>8} {'errors':>6} {'gap s':>6} {'back s':>6} {'aim s':>6} {'lost':>5} {'doubled':>7}"


def row(result: Result) -> str:
    times, verdict = result.times, result.verdict
    word = "FAILED" if result.has_failed else "" if result.aim_is_met else "over aim"
    if verdict.broken:
        word += f" ({len(verdict.broken)} broken)"
    return (
        f"{result.name:24} {times.requests:8} {times.errors:6} {times.longest_gap:6.1f} {times.recovery:6.1f} "
        f"{result.aim:6.0f} {len(verdict.lost):5} {len(verdict.doubled):7}  {word}"
    ).rstrip()


def table(results: Sequence[Result]) -> str:
    return "\n".join(["", HEAD, *(row(result) for result in results)])


if __name__ == "__main__":
    sys.exit(main())
