"""`make bench`: limit and product in turn, several rounds; `--quick` in two minutes and without writing anything."""

import argparse
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from statistics import median
from typing import Any

from deploy.local.environments import ROOT
from tests.bench import beyond, limit, report
from tests.bench.system import System, own_folder

FOLDER = ROOT / ".test" / "bench"
# More than any machine takes in a second, so that the seats of a leg never run out.
MOST_LIMIT, MOST_PRODUCT = 15_000, 4_000
MAP_SEATS = 2_400


class Bench:
    def __init__(self, system: System, *, rounds: int, seconds: float, clients: int) -> None:
        self.system, self.rounds, self.seconds, self.clients = system, rounds, seconds, clients
        self.ratios: dict[str, list[float]] = {name: [] for name in report.RATIOS}
        self.runs: dict[str, dict[str, Any]] = {}
        self.cpu: dict[str, list[float]] = {}
        self.client: list[float] = []
        self.rates: list[float] = []
        self.layers: dict[str, float] = {}
        self.memory: list[float] = []
        self.rut, self.step, self.steps = 1, 0, rounds * 7 + 6

    def say(self, what: str) -> None:
        self.step += 1
        print(f"  [{self.step:>2}/{self.steps}] {what}", flush=True)

    def round(self, number: int, only: Collection[str]) -> None:
        rates: dict[str, float] = {}
        legs = [self._limit, self._function, self._distinct, self._hot, self._events, self._map, self._unchanged]
        legs = [leg for leg in legs if not only or leg.__name__.strip("_") in only]
        # Another order each time, so that what slows down slowly spoils no leg more than another.
        random.Random(number).shuffle(legs)
        for leg in legs:
            name = leg.__name__.strip("_")
            rates[name] = leg(f"{name} {number}")
            self.say(f"round {number + 1}: {name} {rates[name]:.0f}/s")
        for name, values in self.ratios.items():
            if name in report.ONCE or name not in rates:
                continue
            values.append(rates[name] / rates["limit" if name in ("function", "distinct") else "distinct"])

    def _limit(self, name: str, script: str = limit.ONE_STATEMENT) -> float:
        first, _event = self.system.make_event(name, round(MOST_LIMIT * self.seconds))
        self.system.sql("CREATE SEQUENCE IF NOT EXISTS bench_seat")
        self.system.sql(f"SELECT setval('bench_seat', {first}, false)")
        return limit.reservations_a_second(
            self.system.postgres, self.system.folder, script, clients=self.clients, seconds=self.seconds
        )

    def _function(self, name: str) -> float:
        return self._limit(name, limit.FUNCTION)

    def reserve(self, name: str, *, keep: str, rate: float = 0, clients: int = 0) -> dict[str, Any]:
        first, event = self.system.make_event(name, round(MOST_PRODUCT * self.seconds))
        self.rut += 1_000_000
        before = self.system.processor_seconds()
        run = self.system.load(
            kind="distinct", first=first, rut=self.rut % 90_000_000 + 1, clients=clients or self.clients,
            seconds=self.seconds, rate=rate,
        )  # fmt: skip
        used = {part: seconds - before[part] for part, seconds in self.system.processor_seconds().items()}
        (made,) = self.system.sql(f"SELECT count(*) FROM reservations_reservation WHERE event_id = {event}")
        # Where they arrive whatever comes, a moment's stall may fill all places: who is told so is no fault.
        told = run["statuses"].get("503", 0) if rate else 0
        if +Counter(run["statuses"]) != +Counter({"200": made, "503": told}):
            raise SystemExit(f"{name}: {made} reservations, but the answers were {run['statuses']}")
        self.runs[keep] = run
        self.client.append(run["cpu"])
        if not (rate or clients):
            self.rates.append(run["per_second"])
        if not rate:
            for part, seconds in used.items():
                self.cpu.setdefault(part, []).append(1000 * seconds / made)
        return run

    def _distinct(self, name: str) -> float:
        return float(self.reserve(name, keep=f"{self.clients} at once, a seat each")["per_second"])

    def _hot(self, name: str) -> float:
        first, _event = self.system.make_event(name, 60)
        run = self.system.load(kind="hot", first=first, rut=1, clients=self.clients, seconds=self.seconds)
        if run["statuses"].pop("200", 0) != 1 or set(run["statuses"]) != {"409"}:
            raise SystemExit(f"one seat was not sold once: {run['statuses']}")
        self.runs[f"{self.clients} at once, one seat"] = run
        return float(run["per_second"])

    def _get(self, path: str, keep: str, **more: Any) -> float:
        run = self.system.load(path=path, clients=self.clients, seconds=self.seconds, **more)
        if set(run["statuses"]) - {"200", "304"}:
            raise SystemExit(f"{path}: {run['statuses']}")
        self.runs[keep] = run
        return float(run["per_second"])

    def _events(self, _name: str) -> float:
        return self._get("/api/events", "GET /api/events")

    def _map(self, _name: str) -> float:
        return self._get(f"/api/events/{self.map}/seats", "GET the map")

    def _unchanged(self, _name: str) -> float:
        return self._get(f"/api/events/{self.map}/seats", "GET the map, unchanged", etag=self.etag)

    def prepare(self) -> None:
        import urllib.request

        _first, self.map = self.system.make_event("map", MAP_SEATS)
        url = self.system.stack.url("reservations", f"/api/events/{self.map}/seats")
        with urllib.request.urlopen(url) as answer:
            self.etag = answer.headers["ETag"]
        self.reserve("warm", keep="warm")
        self.runs.clear(), self.cpu.clear(), self.client.clear(), self.rates.clear()
        self.memory = [self.system.worker_megabytes()]
        self.say("warm")

    def latencies(self) -> None:
        """At a fixed rate of arrivals, where waiting counts; and with many at once."""
        best = self.best()
        self.reserve("64", keep="64 at once, a seat each", clients=64)
        self.say("64 at once")
        for share in (0.5, 0.8):
            rate = share * best
            run = self.reserve(f"open {share}", keep=f"{share:.0%} of that arriving, whatever comes", rate=rate)
            self.say(f"{rate:.0f}/s arriving: p99 {run['p99']:.1f} ms")

    def best(self) -> float:
        return median(self.rates)

    def beyond(self, seconds: float) -> None:
        """Five times of what fits arrives; then where the time goes."""
        rate = beyond.TIMES * self.best()
        first, _event = self.system.make_event("beyond", round(rate * (seconds + 2)))
        self.rut += 1_000_000
        rows = beyond.overload(self.system, first=first, rut=self.rut % 90_000_000 + 1, rate=rate, seconds=seconds)
        self.runs |= rows
        let_in = next((row["per_second"] for name, row in rows.items() if name.endswith("let in")), 0.0)
        self.ratios["overload"] = [let_in / self.best()]
        self.say(f"{rate:.0f}/s arriving: {let_in:.0f}/s let in")
        calls = max(200, round(100 * self.seconds))
        first, _event = self.system.make_event("layers", 10 * calls)
        self.layers = self.system.layers(first=first, rut=80_000_000, calls=calls)
        self.memory.append(self.system.worker_megabytes())
        self.say(f"a process of the site: {self.memory[0]:.0f} MiB, after all this {self.memory[1]:.0f}")

    def growth(self, seats: int) -> None:
        """The same load on a database with so many seats, half of them sold, beside the small one just before."""
        self.steps += 7
        before = [float(self.reserve(f"small {n}", keep="small")["per_second"]) for n in range(3)]
        self.say("before it grows")
        beyond.grow(self.system, seats=seats)
        self.say(f"{seats:,} seats, half of them sold")
        self.reserve("after growth", keep="small")
        for number in range(3):
            run = self.reserve(f"after growth {number}", keep=f"{self.clients} at once, after {seats:,} seats more")
            self.ratios["growth"].append(float(run["per_second"]) / median(before))
            self.say(f"{run['per_second']:.0f}/s")
        self.runs.pop("small")
        self.ratios["events grown"].append(self._get("/api/events", "GET /api/events, grown") / self.best())
        self.say("list of events")
        self.say("grown")

    def found(self) -> dict[str, Any]:
        return {
            "rounds": self.rounds, "seconds": self.seconds, "ratios": self.ratios, "runs": self.runs,
            "cpu": self.cpu, "client": self.client, "layers": self.layers, "memory": self.memory,
        }  # fmt: skip


def carrying(folder: Path, options: argparse.Namespace, best: float) -> dict[str, dict[str, Any]]:
    """Half the best rate arriving, and how long each ticket takes until billing has confirmed it."""
    with System(folder, workers=options.workers, carrying=True) as system:
        seconds = max(10.0, 2 * options.seconds)
        first, _event = system.make_event("carried", round(MOST_PRODUCT * seconds))
        run = system.load(kind="distinct", first=first, rut=1, seconds=seconds, rate=0.5 * best)
        until = time.monotonic() + 120
        open_rows = "SELECT count(*) FROM outbox_outboxmessage WHERE state = 0"
        while system.sql(open_rows)[0] and time.monotonic() < until:
            time.sleep(0.5)
        row = system.sql(
            "SELECT count(receipted_at) / extract(epoch FROM max(receipted_at) - min(created_at)),"
            " 1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM receipted_at - created_at)),"
            " 1000 * percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM receipted_at - created_at)),"
            " count(receipted_at), count(*) - count(receipted_at) FROM outbox_outboxmessage"
        )
    rate, p50, p99, done, lacking = (float(part or 0) for part in row)
    statuses = {"confirmed": round(done), "open": round(lacking)}
    carried = {"per_second": rate, "p50": p50, "p99": p99, "statuses": statuses}
    return {"50% of that arriving, carriers running": run, "from the reservation to billing's receipt": carried}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds, nothing is written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="a leg")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1, help="gunicorn processes a replica")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="for the replicas")
    parser.add_argument("--legs", nargs="*", default=(), metavar="LEG", help="of a round: limit, distinct, hot…; all")
    parser.add_argument("--dry", action="store_true", help="print the table, write nothing")
    parser.add_argument("--without-carrying", action="store_true")
    parser.add_argument("--beyond", type=float, default=60.0, metavar="SECONDS", help="of five times what fits; 0: not")
    parser.add_argument("--growth", type=int, default=1_000_000, metavar="SEATS", help="0: not")
    found = parser.parse_args()
    if found.quick:
        found.rounds, found.seconds, found.dry, found.without_carrying = 2, 2.0, True, True
        found.beyond, found.growth = 5.0, 0
    if found.legs:
        # Ratios are to these two.
        found.legs, found.dry = {"limit", "distinct", *found.legs}, True
    return found


def main() -> int:
    chosen = options()
    about = report.machine() | _versions() | {"settings": f"{chosen.workers} worker a replica {' '.join(chosen.set)}"}
    extra = dict(pair.split("=", 1) for pair in chosen.set)
    began = time.monotonic()
    with own_folder(FOLDER):
        with System(FOLDER / "selling", workers=chosen.workers, carrying=False, extra=extra) as system:
            about["in front"] = "nginx" if system.has_nginx else "nothing, one replica (nginx is not installed)"
            bench = Bench(system, rounds=chosen.rounds, seconds=chosen.seconds, clients=chosen.clients)
            bench.prepare()
            for number in range(chosen.rounds):
                bench.round(number, chosen.legs)
            bench.latencies()
            if system.has_nginx and chosen.beyond:
                bench.beyond(chosen.beyond)
            if chosen.growth:
                bench.growth(chosen.growth)
        found = bench.found() | {"about": about}
        if not chosen.without_carrying:
            found["runs"] |= carrying(FOLDER / "carrying", chosen, bench.best())
    print(f"\n{report.table(found)}\n{time.monotonic() - began:.0f} s", flush=True)
    if not chosen.dry:
        report.write(found)
    return 0


def _versions() -> dict[str, str]:
    import django
    import gunicorn
    import psycopg

    postgres = subprocess.run(["pgbench", "--version"], capture_output=True, text=True, check=False).stdout.split()
    return {
        "versions": f"Python {sys.version.split()[0]}, Django {django.__version__}, gunicorn {gunicorn.__version__},"
        f" psycopg {psycopg.__version__}, PostgreSQL {postgres[2] if len(postgres) > 2 else '?'}"
    }


if __name__ == "__main__":
    raise SystemExit(main())
