"""`make bench-memory`: the memory of the web processes over an hour of steady load.

Reservations of a seat each, refusals of a taken one, maps and the list of events, all of it through nginx; the portal's
first page and a map's page too. Writes what came of it into docs/performance.md.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import linear_regression
from typing import Any

from deploy.local.environments import ROOT
from tests.bench import report
from tests.bench.system import PORTALS, REPLICAS, System, own_folder

FOLDER = ROOT / ".test" / "bench-memory"
PAGE = ROOT / "docs" / "performance.md"
BEGIN = "<!-- make bench-memory writes from here -->"
# Requests a second, far from the limit: this is about what stays behind, not about speed.
SOLD, REFUSED, LOOKED_AT, PAGES = 50.0, 20.0, 20.0, 5.0
SEATS = 400_000
# Until then a process still meets what it has not met yet.
WARM = 600.0


def loads(system: System, seconds: float) -> list[dict[str, Any]]:
    """What each of the clients does."""
    first, _event = system.make_event("an hour", SEATS)
    taken, seen = system.make_event("one seat", 2_400)
    portal, common = system.stack.ports.portal, {"seconds": seconds}
    return [
        common | {"kind": "distinct", "first": first, "rut": 1, "rate": SOLD},
        common | {"kind": "hot", "first": taken, "rut": 50_000_000, "rate": REFUSED},
        common | {"path": f"/api/events/{seen}/seats", "rate": LOOKED_AT},
        common | {"path": "/api/events", "rate": LOOKED_AT},
        common | {"port": portal, "path": "/", "rate": PAGES},
        common | {"port": portal, "path": f"/evento/{seen}", "rate": PAGES},
    ]


def watch(system: System, until: float) -> dict[str, list[tuple[float, float]]]:
    """Seconds since the beginning and MiB of the largest process, every minute."""
    began, found = time.monotonic(), {"reservations": [], "portal": []}  # type: dict[str, list[tuple[float, float]]]
    while (now := time.monotonic()) < until:
        for name, replicas in (("reservations", REPLICAS), ("portal", PORTALS)):
            found[name].append((now - began, system.worker_megabytes(replicas)))
        print(f"  {now - began:5.0f} s: " + ", ".join(f"{n} {f[-1][1]:.1f} MiB" for n, f in found.items()), flush=True)
        time.sleep(min(60.0, max(0.1, until - time.monotonic())))
    return found


def page(found: dict[str, list[tuple[float, float]]], runs: list[dict[str, Any]], seconds: float, about: str) -> str:
    asked = sum(sum(run["statuses"].values()) for run in runs)
    lines = [f"{seconds / 60:.0f} minutes, {asked:,} requests, {SOLD:.0f} reservations a second. {about}.", ""]
    lines += ["| largest process, MiB | at the beginning | after 10 min | at the end | most | a further hour adds |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for name, values in found.items():
        late = [one for one in values if one[0] >= WARM] or values
        slope = 3600 * linear_regression(*zip(*late, strict=True)).slope if len(late) > 1 else 0.0
        cells = [values[0][1], late[0][1], values[-1][1], max(one for _at, one in values)]
        lines.append(f"| {name} | {' | '.join(f'{cell:.1f}' for cell in cells)} | {slope:+.1f} |")
    return "\n".join([*lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-memory", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen, about = parser.parse_args(), report.about()
    with own_folder(FOLDER), System(FOLDER, workers=1, portal=True) as system:
        specs = loads(system, chosen.seconds)
        with ThreadPoolExecutor(len(specs)) as pool:
            runs = [pool.submit(system.load, **spec) for spec in specs]
            found = watch(system, time.monotonic() + chosen.seconds)
        done = [run.result() for run in runs]
    text = page(found, done, chosen.seconds, about)
    print(f"\n{text}", flush=True)
    # Maps may be unchanged, and an open loop that meets a stall of the machine is told to come again.
    answers = [set(run["statuses"]) - {"503"} for run in done]
    if answers != [{"200"}, {"200", "409"}, {"200"}, {"200"}, {"200"}, {"200"}]:
        print(f"Wrong: {[run['statuses'] for run in done]}", file=sys.stderr)
        return 1
    if not chosen.dry:
        report.replace(PAGE, BEGIN, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
