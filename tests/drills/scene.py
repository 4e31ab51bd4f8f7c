"""One drill as it runs: given a healthy cluster that sells, when this breaks, then it is back within N seconds."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from tests import invariants
from tests.drills import checker
from tests.drills.checker import Times, Verdict
from tests.drills.cluster import AT_REST_WITHIN, Cluster, NotInTime, until
from tests.drills.docker import FOLDER
from tests.drills.load import Load
from tests.invariants import Databases

# The outbox row's state when the other side refused it for good.
REJECTED = 2
WARM_UP = 8.0
AFTERWARDS = 6.0


@dataclass
class Drill:
    """What a drill does, and what it promises. `aim` and `within` are seconds until reservations are back."""

    name: str
    do: Callable[["Scene"], None]
    within: float
    aim: float
    no_failure: bool
    outside_is_promised: bool
    keys_are_promised: bool
    seats: int

    @property
    def sentence(self) -> str:
        return " ".join((self.do.__doc__ or "").partition("\n\n")[0].split())

    @property
    def seen(self) -> str:
        """What a buyer and what staff see of it."""
        return " ".join((self.do.__doc__ or "").partition("\n\n")[2].split())


@dataclass
class Result:
    """What one run of a drill measured."""

    name: str
    sentence: str
    at: str
    seed: int
    times: Times
    verdict: Verdict
    aim: float
    within: float
    no_failure: bool
    still_unknown: int
    at_rest_after: float
    carried_p99: float
    carried_longest: float
    stepped: list[str]
    failure: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def aim_is_met(self) -> bool:
        return self.times.recovery <= self.aim and not (self.no_failure and self.times.errors)

    @property
    def has_failed(self) -> bool:
        """Lost, doubled or broken, or not back within the bound: silent for longer, or still failing after it."""
        is_back = self.times.longest_gap <= self.within and self.times.failed_late <= checker.HICCUPS
        return bool(self.failure) or not self.verdict.is_clean or not is_back

    def write(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**asdict(self), "failed": self.has_failed, "aim_met": self.aim_is_met}, indent=1)
        (FOLDER / f"{self.name}.json").write_text(text + "\n")


class Scene:
    """The steps of which drills are made."""

    def __init__(self, cluster: Cluster, drill: Drill, *, seed: int, say: Callable[[str], None] = print) -> None:
        self.cluster, self.drill, self.seed, self._say = cluster, drill, seed, say
        self.events: list[float] = []
        self.stepped: list[str] = []
        self.notes: dict[str, Any] = {}
        self._began = time.time()

    def breaks(self, what: str, action: Callable[[], Any]) -> None:
        """A fault. An action that says when it began is believed: a command in a container takes seconds to start."""
        self._step(what)
        moment, found = time.time(), action()
        self.events.append(found if isinstance(found, float) else moment)

    def heals(self, what: str, action: Callable[[], Any]) -> None:
        """What an operator or the machine does to bring the part back."""
        self._step(what)
        self.events.append(time.time())
        action()

    def goes_on(self, seconds: float) -> None:
        """Selling goes on meanwhile."""
        time.sleep(seconds)

    def sells(self) -> None:
        """Waits until reservations are granted again, for as long as the drill allows and a little more."""
        since = time.time()

        def granted() -> bool:
            return any(a.status == 201 and a.began > since for a in self.load.log[-200:])

        until("reservations are granted", granted, within=self.drill.within + 30, every=0.2)

    def _step(self, what: str) -> None:
        line = f"{time.time() - self._began:6.1f} s  {what}"
        self.stepped.append(line)
        self._say(f"    {line}")

    def run(self) -> Result:
        """Runs the drill to its end; leaves the cluster healthy, or raises NotInTime when it does not get so."""
        self.cluster.wait_healthy()
        self.load = Load(self.cluster, seats=self.drill.seats, seed=self.seed)
        self._began = time.time()
        failure = ""
        self.load.start()
        try:
            self.goes_on(WARM_UP)
            self.drill.do(self)
            self._step("waits until every part is well")
            self.cluster.wait_healthy()
            self._step("every part is well")
            self.goes_on(AFTERWARDS)
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
        finally:
            ended = time.time()
            self.load.stop()
        return self._judge(ended, failure)

    def _judge(self, ended: float, failure: str) -> Result:
        log, databases = self.load.log, self.cluster.databases
        times = checker.measure(log, began=self._began, ended=ended, events=self.events, within=self.drill.within)
        unknown = self.load.repeat_unknown()
        stopped = time.time()
        verdict, carried = Verdict(), [0.0]
        try:
            until("everything is carried", lambda: not on_their_way(databases), within=AT_REST_WITHIN, every=1.0)
        except NotInTime as error:
            failure = failure or f"{error}; left: {invariants.unfinished(databases)[:5]}"
        rest = time.time() - stopped
        self._step("everything is carried")
        try:
            verdict = checker.check(
                databases,
                log,
                outside_is_promised=self.drill.outside_is_promised,
                keys_are_promised=self.drill.keys_are_promised,
            )
            carried = checker.carried_seconds(databases, log) or [0.0]
        except Exception as error:
            failure = failure or f"{type(error).__name__}: {error}"
        self.notes["load_average"] = round(os.getloadavg()[1], 1)
        self.load.write(FOLDER / f"{self.drill.name}.answers.jsonl")
        return Result(
            name=self.drill.name,
            sentence=self.drill.sentence,
            at=time.strftime("%Y-%m-%d %H:%M"),
            seed=self.seed,
            times=times,
            verdict=verdict,
            aim=self.drill.aim,
            within=self.drill.within,
            no_failure=self.drill.no_failure,
            still_unknown=unknown,
            at_rest_after=round(rest, 1),
            carried_p99=round(carried[int(len(carried) * 0.99)], 2),
            carried_longest=round(carried[-1], 2),
            stepped=self.stepped,
            failure=failure,
            notes=self.notes,
        )


def on_their_way(databases: Databases) -> list[str]:
    """What may still come to an end by itself. A rejected message does not, and the checker reports it."""
    return [sentence for sentence in invariants.unfinished(databases) if f" state {REJECTED} " not in sentence]
