"""`make bench-clusters`: two PostgreSQL clusters sell different events behind one address, and one of them dies.

Sells on both at once, kills the second one's PostgreSQL with -9 on the way and starts it again, then freezes and thaws
it, and looks at what was answered and at what the databases and billing hold. Writes what came of it into
docs/scaling.md.
"""

import argparse
import json
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.local.environments import ROOT
from tests.bench import report
from tests.bench.load import at
from tests.bench.system import System, own_folder

FOLDER = ROOT / ".test" / "bench-clusters"
PAGE = ROOT / "docs" / "scaling.md"
BEGIN = "<!-- make bench-clusters writes from here -->"
SPAN = 10**12
TITLES = {
    "calm": "both live",
    "killed": "cluster 1 killed, and started again",
    "frozen": "cluster 1 frozen (no answer, no refusal), and thawed",
}
RATE, SEATS = 60.0, 20_000
CARRIED_WITHIN = 120.0


def sell(system: System, seconds: float, how: str) -> list[dict[str, Any]]:
    """What came of selling an event on each cluster at the same time: calm, or the second one killed or frozen."""
    events = [system.make_event(f"{how} {number}", SEATS, cluster=number) for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(
                system.load, kind="distinct", first=first, rut=1 + 40_000_000 * number, seconds=seconds, rate=RATE
            )
            for number, (first, _event) in enumerate(events)
        ]
        if how != "calm":
            time.sleep(seconds / 4)
            second = system.clusters[0]
            second.kill() if how == "killed" else second.pause()
            print(f"  the second cluster's PostgreSQL is {how}", flush=True)
            time.sleep(seconds / 4)
            second.start() if how == "killed" else second.resume()
            print("  it goes on", flush=True)
            system.connections.pop(1).close()
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


def problems(runs: Mapping[str, list[dict[str, Any]]], more: Mapping[str, Any]) -> list[str]:
    """What must not be."""
    each = [run for pair in runs.values() for run in pair]
    checks = {
        "a seat was sold twice": any(run["rows"] != run["seats"] for run in each),
        "more answers of 200 than reservations": any(run["statuses"]["200"] > run["rows"] for run in each),
        "ids of the second cluster are not its own": runs["calm"][1]["event"] < SPAN,
        f"carried {more['carried']}": any(all_ != done for all_, done in more["carried"]),
        f"billing has {more['tickets']} tickets": more["tickets"] != sum(run["rows"] for run in each),
        f"listed {more['listed']}, found {more['found']}": more["listed"] != {0, 1} or not all(more["found"]),
    }
    for how, (first, second) in runs.items():
        known = Counter(second["statuses"])
        checks |= {
            f"{how}: the first cluster noticed: {first['statuses']}": set(first["statuses"]) != {"200"},
            f"{how}: the first cluster's rows differ": first["statuses"]["200"] != first["rows"],
            f"{how}: the second cluster answered {dict(known)}": bool(set(known) - {"200", "503"}),
            f"{how}: away or not, the run proves nothing: {dict(known)}": (known["503"] == 0) != (how == "calm"),
        }
    return [what for what, is_wrong in checks.items() if is_wrong]


def page(found: Mapping[str, list[dict[str, Any]]], more: Mapping[str, Any], seconds: float, about: str) -> str:
    lines = [
        f"{seconds:.0f} s each, {RATE:.0f} reservations/s arriving for an event of either, two replicas. {about}.",
        "",
        "| | event on cluster 0 | event on cluster 1 |",
        "| --- | --- | --- |",
    ]
    for how, runs in found.items():
        cells = []
        for run in runs:
            answers = ", ".join(f"{count} × {status}" for status, count in sorted(run["statuses"].items()))
            good = run["by_status"].get("200", at([]))
            cells.append(f"{answers}; {run['rows']} rows; p50 {good['p50']:.0f} ms, p99 {good['p99']:.0f} ms of 200")
        lines.append(f"| {TITLES[how]} | {' | '.join(cells)} |")
    carried = [f"{done} of {all_}" for all_, done in more["carried"]]
    lines += [f"| receipted by billing, which has {more['tickets']} tickets | {' | '.join(carried)} |"]
    return "\n".join([*lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-clusters", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    chosen, about = parser.parse_args(), report.about()
    with own_folder(FOLDER), System(FOLDER, workers=1, carrying=True, clusters=2) as system:
        print("  both clusters are up", flush=True)
        found = {how: sell(system, chosen.seconds, how) for how in TITLES}
        more = seen(system) | {"carried": carried(system), "tickets": system.tickets()}
    text = page(found, more, chosen.seconds, about)
    print(f"\n{text}", flush=True)
    if wrong := problems(found, more):
        print("Wrong: " + "; ".join(wrong), file=sys.stderr)
        return 1
    if not chosen.dry:
        report.replace(PAGE, BEGIN, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
