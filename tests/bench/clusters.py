"""`make bench-clusters`: two PostgreSQL clusters sell different events behind one address, and one of them dies.

Sells on both at once, kills the second one's PostgreSQL with -9 on the way, starts it again, and looks at what was
answered and at what the databases and billing hold. Writes what came of it into docs/scaling.md.
"""

import argparse
import json
import shutil
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.local import leash
from deploy.local.environments import ROOT
from tests.bench import report
from tests.bench.load import at
from tests.bench.system import System

FOLDER = ROOT / ".test" / "bench-clusters"
PAGE = ROOT / "docs" / "scaling.md"
BEGIN = "<!-- make bench-clusters writes from here -->"
SPAN = 10**12
RATE, SEATS = 60.0, 20_000
CARRIED_WITHIN = 120.0


def sell(system: System, seconds: float, *, killed: bool) -> list[dict[str, Any]]:
    """What came of selling an event on each cluster at the same time; with `killed` the second one dies meanwhile."""
    kind = "broken" if killed else "calm"
    events = [system.make_event(f"{kind} {number}", SEATS, cluster=number) for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(
                system.load, kind="distinct", first=first, rut=1 + 40_000_000 * number, seconds=seconds, rate=RATE
            )
            for number, (first, _event) in enumerate(events)
        ]
        if killed:
            time.sleep(seconds / 4)
            system.clusters[0].kill()
            print("  killed the second cluster's PostgreSQL", flush=True)
            time.sleep(seconds / 4)
            system.connections.pop(1).close()
            system.clusters[0].start()
            print("  started it again", flush=True)
        found = [run.result() for run in runs]
    count = "SELECT count(*), count(DISTINCT seat_id) FROM reservations_line JOIN reservations_reservation r ON r.id ="
    for number, (run, (_first, event)) in enumerate(zip(found, events, strict=True)):
        run["event"] = event
        run["rows"], run["seats"] = system.sql(f"{count} reservation_id WHERE r.event_id = {event}", cluster=number)
    return found


def carried(system: System) -> list[tuple[int, int]]:
    """Messages that each cluster's outbox holds, and how many billing has receipted, once all are or time is up."""
    question = "SELECT count(*), count(receipted_at) FROM outbox_outboxmessage"
    until = time.monotonic() + CARRIED_WITHIN
    while True:
        found = [tuple(system.sql(question, cluster=number)) for number in range(2)]
        if all(all_ == done for all_, done in found) or time.monotonic() > until:
            return [(int(all_), int(done)) for all_, done in found]
        time.sleep(0.5)


def seen(system: System) -> dict[str, Any]:
    """What a caller finds at the one address: the list of events, and a reservation of each cluster by its code."""

    def get(path: str) -> Any:
        with urllib.request.urlopen(system.stack.url("reservations", path), timeout=20) as answer:
            return json.load(answer)

    codes = [
        system.sql("SELECT code, event_id FROM reservations_reservation LIMIT 1", cluster=number) for number in range(2)
    ]
    return {
        "listed": {row["id"] // SPAN for row in get("/api/events")["events"]},
        "found": [get(f"/api/reservations/{code}")["event"]["id"] == event for code, event in codes],
    }


def problems(calm: list[dict[str, Any]], broken: list[dict[str, Any]], more: Mapping[str, Any]) -> list[str]:
    """What must not be."""
    first, second = (Counter(run["statuses"]) for run in broken)
    checks = {
        f"calm: {[run['statuses'] for run in calm]}": any(set(run["statuses"]) != {"200"} for run in calm),
        "calm: answers and rows differ": any(run["statuses"]["200"] != run["rows"] for run in calm),
        "a seat was sold twice": any(run["rows"] != run["seats"] for run in calm + broken),
        f"the first cluster noticed: {dict(first)}": set(first) != {"200"} or first["200"] != broken[0]["rows"],
        f"the second cluster answered {dict(second)}": bool(set(second) - {"200", "503"}),
        "the second cluster was never away: the run proves nothing": second["503"] == 0,
        "an answer of 200 has no row": second["200"] > broken[1]["rows"],
        "ids of the second cluster are not its own": broken[1]["event"] < SPAN,
        f"carried {more['carried']}": any(all_ != done for all_, done in more["carried"]),
        f"billing has {more['tickets']} tickets": more["tickets"] != sum(run["rows"] for run in calm + broken),
        f"listed {more['listed']}, found {more['found']}": more["listed"] != {0, 1} or not all(more["found"]),
    }
    return [what for what, is_wrong in checks.items() if is_wrong]


def page(calm: list[dict[str, Any]], broken: list[dict[str, Any]], more: Mapping[str, Any], seconds: float) -> str:
    about = "; ".join(f"{name} {value}" for name, value in report.machine().items())
    lines = [
        f"{seconds:.0f} s each, {RATE:.0f} reservations/s arriving for an event of either, two replicas. {about}.",
        "",
        "| | event on cluster 0 | event on cluster 1 |",
        "| --- | --- | --- |",
    ]
    for title, runs in (("both live", calm), ("cluster 1 killed, and started again", broken)):
        cells = []
        for run in runs:
            answers = ", ".join(f"{count} × {status}" for status, count in sorted(run["statuses"].items()))
            good = run["by_status"].get("200", at([]))
            cells.append(f"{answers}; {run['rows']} rows; p50 {good['p50']:.0f} ms, p99 {good['p99']:.0f} ms of 200")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    carried = [f"{done} of {all_}" for all_, done in more["carried"]]
    lines += [f"| receipted by billing, which has {more['tickets']} tickets | {' | '.join(carried)} |"]
    return "\n".join([*lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-clusters", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    leash.sweep(FOLDER)
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        with System(FOLDER, workers=1, carrying=True, clusters=2) as system:
            print("  both clusters are up", flush=True)
            calm = sell(system, chosen.seconds, killed=False)
            broken = sell(system, chosen.seconds, killed=True)
            more = seen(system) | {"carried": carried(system), "tickets": system.tickets()}
    finally:
        leash.sweep(FOLDER)
        shutil.rmtree(FOLDER, ignore_errors=True)
    text = page(calm, broken, more, chosen.seconds)
    print(f"\n{text}", flush=True)
    if wrong := problems(calm, broken, more):
        print("Wrong: " + "; ".join(wrong), file=sys.stderr)
        return 1
    if not chosen.dry:
        report.replace(PAGE, BEGIN, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
