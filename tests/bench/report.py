"""The table and the plot of docs/performance.md, and a line of its history."""

import json
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from deploy.local.environments import ROOT

PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "performance.svg"
HISTORY = ROOT / "docs" / "performance-history.jsonl"
SCALING = ROOT / "docs" / "scaling.md"
BEGIN, CAPACITY, END = "<!-- make bench writes from here -->", "<!-- capacity from here -->", "<!-- to here -->"
# Seats a second of the capacity table, and what is bought beyond the bare time, so that a busy minute does not queue.
RATES, RESERVE = (1_000, 10_000, 100_000), 1.5
RATIOS = {
    "function": "the product's statement in pgbench / the limit",
    "distinct": "reservations / the limit",
    "hot": "refusals on one taken seat / reservations",
    "events": "list of events / reservations",
    "map": "map of 2,400 seats / reservations",
    "unchanged": "unchanged map (304) / reservations",
    "overload": "let in when 5 × as many arrive / reservations",
    "growth": "reservations after growth / before",
    "events grown": "list of events after growth / reservations",
}
# Known once a run, not once a round.
ONCE = ("overload", "growth", "events grown")
AIMS = {"overload": 0.8, "growth": 0.8, "distinct": 0.20, "hot": 1.5, "events": 10.0, "map": 10.0, "unchanged": 10.0}

STYLE = """<style>text{fill:#1f2937}.r{stroke:#cbd5e1}.m{stroke:#0f766e}.a{stroke:#b45309}.d{fill:#0f766e}
@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.r{stroke:#475569}.m{stroke:#5eead4}.d{fill:#5eead4}
.a{stroke:#fbbf24}}</style>"""


def machine() -> dict[str, str]:
    """What the figures depend on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return {
        "commit": _commit(),
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{cpu[1] if cpu else platform.machine()}, {_cores()} cores",
        "memory": f"{int(memory[1]) // 2**20 if memory else 0} GiB",
        "load before": Path("/proc/loadavg").read_text().split()[0],
    }


def about() -> str:
    """The same as a line; asked for before a run."""
    return "; ".join(f"{name} {value}" for name, value in machine().items())


def _commit() -> str:
    if not shutil.which("git"):
        return "unknown"
    argv = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _cores() -> int:
    return len([line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")])


def spread(values: list[float]) -> str:
    """Median, and from the least to the most."""
    if not values:
        return "—"
    digits = 3 if median(values) < 1 else 2 if median(values) < 10 else 0
    return f"**{median(values):.{digits}f}** ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(found: dict[str, Any]) -> str:
    about = "; ".join(f"{name} {value}" for name, value in found["about"].items())
    lines = [f"{found['rounds']} rounds of {found['seconds']:.0f} s a leg. {about}.", ""]
    lines += ["| ratio within one round | median (least–most) | aim |", "| --- | --- | --- |"]
    for name, title in RATIOS.items():
        aim = f"≥ {AIMS[name]:g}" if name in AIMS else ""
        lines.append(f"| {title} | {spread(found['ratios'][name])} | {aim} |")
    lines += ["", "| load | a second | p50 ms | p99 ms | answers |", "| --- | --- | --- | --- | --- |"]
    for name, run in found["runs"].items():
        answers = ", ".join(f"{count} × {status}" for status, count in sorted(run["statuses"].items()))
        lines.append(f"| {name} | {run['per_second']:.0f} | {run['p50']:.1f} | {run['p99']:.1f} | {answers} |")
    lines += ["", "| processor time | ms a reservation |", "| --- | --- |"]
    lines += [f"| {part} | {spread(values)} |" for part, values in found["cpu"].items()]
    if found.get("layers"):
        lines += ["", *layers(found)]
    if found.get("memory"):
        first, last = found["memory"][0], found["memory"][-1]
        lines += ["", f"The largest process of the site: {first:.0f} MiB at the beginning, {last:.0f} MiB at the end."]
    return "\n".join([*lines, "", f"The client itself used {spread(found['client'])} of one core.", ""])


def layers(found: dict[str, Any]) -> list[str]:
    """Each layer's own share: what a call from further outside costs more."""
    inside, cpu = found["layers"], {part: median(values) for part, values in found["cpu"].items() if values}
    own = {
        "database": cpu.get("database", 0.0),
        "psycopg, one prepared statement": inside["driver"],
        "service: claim, parameters, what is returned": inside["service"] - inside["driver"],
        "Django's handler, short way, JSON": inside["short way"] - inside["service"],
        "gunicorn, sockets, HTTP": max(0.0, cpu.get("site", 0.0) - inside["short way"]),
        "nginx": cpu.get("nginx", 0.0),
    }
    lines = ["| layer | ms of processor time a reservation |", "| --- | --- |"]
    lines += [f"| {name} | {value:.2f} |" for name, value in own.items()]
    more = inside["long way"] - inside["short way"]
    return [*lines, "", f"The long way (all middleware, DRF's parser, serializer, renderer) costs {more:.2f} ms more."]


def plot(found: dict[str, Any]) -> str:
    """Each round a dot, the median a line, the aim a dashed one; each ratio on a scale of its own."""
    row, left, wide = 44, 330, 380
    height = row * len(RATIOS) + 20
    box = f'viewBox="0 0 {left + wide + 90} {height}" role="img" aria-label="Ratios of make bench"'
    font = 'font-family="system-ui, sans-serif" font-size="13"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box} {font}>', STYLE]
    for number, (name, title) in enumerate(RATIOS.items()):
        values, y = found["ratios"][name], 20 + row * number
        most = 1.15 * max([*values, AIMS.get(name, 0.0)], default=1.0) or 1.0
        at = [left + wide * value / most for value in values]
        parts.append(f'<text x="8" y="{y + 5}">{title}</text>')
        parts.append(f'<line class="r" x1="{left}" y1="{y}" x2="{left + wide}" y2="{y}"/>')
        if name in AIMS:
            x = left + wide * AIMS[name] / most
            parts.append(
                f'<line class="a" stroke-dasharray="3 3" x1="{x:.1f}" y1="{y - 14}" x2="{x:.1f}" y2="{y + 14}"/>'
            )
        parts += [f'<circle class="d" cx="{x:.1f}" cy="{y}" r="4" opacity="0.6"/>' for x in at]
        if at:
            x = median(at)
            parts.append(f'<line class="m" stroke-width="2" x1="{x:.1f}" y1="{y - 10}" x2="{x:.1f}" y2="{y + 10}"/>')
            parts.append(f'<text x="{left + wide + 8}" y="{y + 5}">{median(values):.3g}</text>')
    return "\n".join([*parts, "</svg>", ""])


def capacity(cpu: dict[str, float]) -> str:
    """Cores of each part for some rates, from milliseconds of processor time a reservation."""
    lines = ["| seats a second | " + " | ".join(f"{part} ({ms:.2f} ms a seat)" for part, ms in cpu.items()) + " |"]
    lines.append("| --- " * (len(cpu) + 1) + "|")
    for rate in RATES:
        cores = [f"{rate * ms / 1000 * RESERVE:,.1f} cores" for ms in cpu.values()]
        lines.append(f"| {rate:,} | " + " | ".join(cores) + " |")
    return "\n".join([*lines, ""])


def replace(page: Path, begin: str, text: str) -> None:
    """Puts a text between its marks."""
    before, _begin, rest = page.read_text().partition(begin)
    _old, _end, after = rest.partition(END)
    page.write_text(f"{before}{begin}\n\n{text}\n{END}{after}")


def write(found: dict[str, Any]) -> None:
    """The page's table, the plot, the capacity table, and one more line of history."""
    picture = f"![Each round a dot, the median a line, the aim dashed]({PLOT.name})"
    replace(PAGE, BEGIN, f"{picture}\n\n{table(found)}")
    replace(SCALING, CAPACITY, capacity({part: median(values) for part, values in found["cpu"].items()}))
    PLOT.write_text(plot(found))
    medians = {name: round(median(values), 4) for name, values in found["ratios"].items() if values}
    line = {**found["about"], "ratios": medians, "cpu": {k: round(median(v), 3) for k, v in found["cpu"].items() if v}}
    with HISTORY.open("a") as history:
        history.write(json.dumps(line, ensure_ascii=False) + "\n")
