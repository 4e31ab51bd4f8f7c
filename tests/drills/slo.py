"""Service levels: the design's table beside what the last drills measured, and docs/faults.md from the same figures."""

import json
import sys
from typing import Any

from tests.drills.__main__ import DRILLS
from tests.drills.docker import FOLDER, ROOT

TARGET = ROOT / "docs" / "faults.md"
# The last result of each drill, of whatever machine it ran on.
RECORD = ROOT / "docs" / "faults.jsonl"
Row = dict[str, Any]

HEAD = """# What breaks, and what one sees

Written by `make slo` from the last result of each drill (kept in `faults.jsonl`; each says when it ran and how busy the
machine was); edit `tests/drills/`, not this file.

Each drill starts from a healthy cluster (`docker-compose.yml`, all of it on one machine), drives a steady mixed load
over HTTP (events, seat maps, reservations on many and on few seats, payments, refunds, check-ins, outside
tickets), breaks something, waits until every part is well, and then compares both databases with every answer that a
client got: what was acknowledged must be there, what was refused must not, what got no answer may be either, once.
The seven invariants of [the architecture](architecture.md) are checked over both databases.

Requests begin at a fixed rate whatever the answers. *Errors* are requests without an answer in 15 s or with a 5xx;
each was repeated under its key at the end. *Gap* is the longest time without an answer to a reservation. *Back* is the
longest time from a step of the drill (what breaks, and what heals) to the end of the trouble that followed it: the last
reservation that was asked for and failed, or the end of the last gap longer than a second and than twice the longest
before the fault. 0: nobody could notice. The whole cluster and the client share two cores; the load average says what
else did.
"""


def results() -> dict[str, Row]:
    """The last result of each drill, those that ran here among them, in the drills' order."""
    rows = [json.loads(line) for line in RECORD.read_text().splitlines()] if RECORD.exists() else []
    rows += [json.loads((FOLDER / f"{name}.json").read_text()) for name in DRILLS if (FOLDER / f"{name}.json").exists()]
    last = {row["name"]: row for row in sorted(rows, key=lambda row: row["at"])}
    return {name: last[name] for name in DRILLS if name in last}


def levels(found: dict[str, Row]) -> list[tuple[str, str, str]]:
    """Rows of the design's table: what, its objective, what was measured."""
    quiet = found.get("quiet")
    faults = {name: row for name, row in found.items() if name != "quiet"}
    lost = sum(len(row["verdict"]["lost"]) for row in faults.values())
    doubled = sum(len(row["verdict"]["doubled"]) for row in faults.values())

    def quietly(show: Any) -> str:
        return show(quiet) if quiet else "not measured"

    def back(*names: str) -> str:
        seen = [f"{name} {found[name]['times']['recovery']:.1f} s" for name in names if name in found]
        return ", ".join(seen) or "not measured"

    def refused(row: Row) -> str:
        errors = row["times"]["errors"]
        return f"{100 * errors / max(1, row['times']['requests']):.3f} % ({errors} of {row['times']['requests']})"

    caught_up = []
    if down := found.get("billing-down"):
        caught_up.append(f"all carried {down['at_rest_after']:.0f} s after the load ended")
    if crowd := found.get("billing-catches-up"):
        caught_up.append(f"{crowd['notes']['tickets_a_second']:.0f} tickets/s")

    return [
        ("reservation availability", "99.9 %", quietly(lambda r: f"errors in the quiet run: {refused(r)}")),
        (
            "reservation latency p99",
            "< 300 ms",
            quietly(lambda r: f"{r['times']['p99_ms']:.0f} ms, client on the machine"),
        ),
        ("reservation error rate (5xx and lost)", "< 0.01 %", quietly(refused)),
        (
            "reservations back after the database's primary dies",
            "< 1 min (aim: node 25 s, process 5 s, planned 5 s)",
            back("primary-node-killed", "primary-frozen", "primary-cut-off", "primary-killed", "planned-switchover"),
        ),
        (
            "acknowledged reservations lost",
            "0",
            f"{lost} lost, {doubled} doubled in {len(faults)} drills" if faults else "not measured",
        ),
        ("billing availability", "99.0 %", quietly(lambda r: f"errors in the quiet run: {refused(r)}")),
        (
            "ticket carried to billing",
            "< 5 min (aim: p99 < 2 s when nothing is broken)",
            quietly(lambda r: f"p99 {r['carried_p99']:.2f} s, longest {r['carried_longest']:.2f} s")
            + (f"; longest in any drill {max(r['carried_longest'] for r in faults.values()):.0f} s" if faults else ""),
        ),
        (
            "billing recovery",
            "< 1 h, buffered meanwhile, nothing lost (aim: 200 tickets/s)",
            "; ".join(caught_up) or "not measured",
        ),
    ]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def document(found: dict[str, Row]) -> str:
    drills = []
    for name, row in found.items():
        times, verdict = row["times"], row["verdict"]
        word = "failed" if row["failed"] else "met" if row["aim_met"] else f"over {row['aim']:g} s"
        if row["failed"] is False and row["no_failure"] and times["errors"]:
            word = "requests failed"
        figures = [times["requests"], times["errors"], times["longest_gap"], times["recovery"]]
        counts = [len(verdict["lost"]), len(verdict["doubled"]), len(verdict["broken"])]
        drills.append([f"[{name}](#{name})", *map(str, figures + counts), word])
    head = ["drill", "requests", "errors", "gap s", "back s", "lost", "doubled", "broken", "aim"]
    parts = [
        HEAD,
        "## Service levels\n",
        table(["", "objective", "measured"], [list(row) for row in levels(found)]),
        "\n## All drills\n",
        table(head, drills),
    ]
    parts += ["\n## Drill by drill"]
    parts += [section(name, row) for name, row in found.items()]
    if missing := [name for name in DRILLS if name not in found]:
        parts.append(f"\nNot run on this machine yet: {', '.join(missing)}.")
    return "\n".join(parts) + "\n"


def section(name: str, row: Row) -> str:
    times = row["times"]
    errors = ", ".join(f"{kind} {count}" for kind, count in sorted(times["errors_by_kind"].items())) or "none"
    gaps = ", ".join(f"{kind} {seconds:g} s" for kind, seconds in times["gap_by_kind"].items())
    lines = [f"\n### {name}\n", row["sentence"], ""]
    if seen := DRILLS[name].seen:
        lines += [seen, ""]
    steps = [step for step in row["stepped"] if len(row["stepped"]) < 15] or [*row["stepped"][:6], "   …"]
    lines += ["```", *steps, "```", ""]
    lines += [
        (
            f"Errors: {errors}. Longest gap of others: {gaps}. Tickets carried: p99 {row['carried_p99']:g} s, longest "
            f"{row['carried_longest']:g} s. All at rest {row['at_rest_after']:g} s after the load ended. ({row['at']}, "
            f"the machine's load average {row['notes'].get('load_average', '?')})"
        )
    ]
    if row["failure"]:
        lines += ["", f"Failed: {row['failure'].splitlines()[0][:300]}"]
    return "\n".join(lines)


def main() -> int:
    found = results()
    for what, objective, measured in levels(found):
        print(f"{what}\n    objective: {objective}\n    measured:  {measured}")
    TARGET.write_text(document(found))
    RECORD.write_text("".join(json.dumps(row) + "\n" for row in found.values()))
    print(f"slo: {len(found)} of {len(DRILLS)} drills have results; wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
