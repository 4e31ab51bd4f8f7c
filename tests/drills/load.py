"""Steady mixed load over real HTTP through nginx, at a given rate whatever the answers, and a log of every answer.

Each request begins when its time has come, on a connection of its own: a system that hangs does not slow its
buyers down, so a gap in the answers is the system's and not the client's.
"""

import itertools
import json
import random
import threading
import time
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.drills.cluster import Cluster
from tests.world import APPROVED, DECLINED

# Requests a second of each kind.
RATES = {
    "reserve": 6.0,
    "reserve_hot": 2.0,
    "cancel": 1.0,
    "pay": 2.0,
    "refund": 0.4,
    "check_in": 0.4,
    "events": 1.0,
    "seat_map": 1.0,
    "portal": 1.0,
    "outside": 0.5,
}
PATIENCE = 15.0
# Buyers who send the same request again although it was answered.
CLICKS_TWICE = 0.05
UNKNOWN = 0
REPEATED_FOR = 120.0


@dataclass
class Answered:
    """One request and what came back; status 0 is no answer at all."""

    kind: str
    key: str
    status: int
    word: str
    began: float
    ended: float
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def is_fault(self) -> bool:
        """The system's fault, not a refusal: no answer, a 5xx, or a caller turned away that is known."""
        return self.status == UNKNOWN or self.status >= 500 or self.status in (401, 403, 408, 429)

    @property
    def is_unknown(self) -> bool:
        """Whether the client cannot know if it happened."""
        return self.is_fault or (self.kind == "pay" and (self.status == 202 or self.word == "payment_open"))


class Load:
    """Buyers, staff and an outside seller at work from `start` to `stop`."""

    def __init__(self, cluster: Cluster, *, seats: int, seed: int, rates: dict[str, float] | None = None) -> None:
        self.cluster, self.random = cluster, random.Random(seed)
        self.rates = RATES if rates is None else rates
        self.log: list[Answered] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        # No buyer is the same person as another, in no run: a RUT found twice was served twice.
        self._ruts = itertools.count(10_000_000 + int(time.time() * 100) % 79_000_000)
        self._halls: deque[deque[int]] = deque()
        for number in range(max(1, round(seats / 600))):
            event, ids = cluster.make_event(f"Sala {number + 1}", rows=20, seats=30)
            self._halls.append(deque(ids))
            self.event = event
        self.hot_event, self.hot_seats = cluster.make_event("Pocos asientos", rows=2, seats=6)
        self._held: deque[str] = deque()
        self._hot_held: deque[str] = deque()
        self._paid: deque[str] = deque()
        self._auth = {name: cluster.auth(name) for name in ("billing", "middleware")}
        self._staff = cluster.staff()
        self._threads: list[threading.Thread] = []
        self._pool = ThreadPoolExecutor(400)

    # Running

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._tick, args=(k, rate)) for k, rate in self.rates.items() if rate]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new requests; those under way get their answer or their time limit."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._pool.shutdown()

    def _tick(self, kind: str, rate: float) -> None:
        due = time.monotonic() + self.random.random() / rate
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self._pool.submit(getattr(self, f"_{kind}"))
            due += 1 / rate

    def repeat_unknown(self) -> int:
        """Asks again, under the same key, what no answer came to; how many stay unknown."""
        last = {(answer.kind, answer.key): answer for answer in self.log}
        left = [answer for answer in last.values() if answer.is_unknown and answer.kind not in READING]
        deadline = time.monotonic() + REPEATED_FOR
        with ThreadPoolExecutor(64) as pool:
            while left and time.monotonic() < deadline:
                left = [answer for answer in pool.map(self._again, left) if answer.is_unknown]
                if left:
                    time.sleep(1)
        return len(left)

    def repeat_outside(self, *, since: float) -> None:
        """The outside seller sends everything once more that was accepted since a moment, under the same ids."""
        with self._lock:
            accepted = [a for a in self.log if a.kind == "outside" and a.status == 202 and a.began >= since]
        for answer in accepted:
            self._again(answer)

    def _again(self, answer: Answered) -> Answered:
        about = answer.about
        return self._ask(answer.kind, answer.key, about["method"], about["path"], about["body"], about)

    def write(self, file: Path) -> None:
        with file.open("w") as lines:
            for answer in self.log:
                lines.write(json.dumps(asdict(answer)) + "\n")

    # One request

    def _ask(
        self, kind: str, key: str, method: str, path: str, body: Any = None, about: dict[str, Any] | None = None
    ) -> Answered:
        kept = {**(about or {}), "method": method, "path": path, "body": body}
        began = time.time()
        status, word, found = UNKNOWN, "", {}
        try:
            answer = self._request(kind, key, method, path, body)
            found = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
            status = answer.status_code
            word = found.get("code", "") if isinstance(found, dict) and status >= 202 else ""
        except (requests.RequestException, ValueError) as error:
            word = type(error).__name__
        if status == 201:
            kept |= {"code": found["code"], "tickets": [seat["ticket_id"] for seat in found["seats"]]}
        done = Answered(kind, key, status, word, began, time.time(), kept)
        with self._lock:
            self.log.append(done)
        if status == 200 and kind == "pay":
            self._paid.extend(ticket["external_id"] for ticket in found["tickets"])
        return done

    def _request(self, kind: str, key: str, method: str, path: str, body: Any) -> requests.Response:
        program = PROGRAM.get(kind, "billing")
        headers = {"Connection": "close"}
        given: dict[str, Any] = {"auth": self._auth.get(program)}
        if kind in ("refund", "check_in"):
            cookies = requests.utils.dict_from_cookiejar(self._staff.session.cookies)
            token = next(value for name, value in cookies.items() if "csrf" in name)
            headers |= {"X-CSRFToken": token, "Referer": self.cluster.url("billing")}
            given = {"cookies": cookies}
        elif method == "POST":
            headers["Idempotency-Key"] = key
        url = self.cluster.url(program) + path
        return requests.request(method, url, json=body, headers=headers, timeout=PATIENCE, **given)

    # What people do

    def _reserve(self) -> None:
        wanted = 1 if self.random.random() < 0.5 else 2
        with self._lock:
            while self._halls and len(self._halls[0]) < wanted:
                self._halls.popleft()
            if not self._halls:
                return
            seats = [self._halls[0].popleft() for _ in range(wanted)]
        answer = self._reserved("reserve", seats)
        if answer.status == 201:
            self._held.append(answer.about["code"])

    def _reserve_hot(self) -> None:
        answer = self._reserved("reserve_hot", self.random.sample(self.hot_seats, 1 + (self.random.random() < 0.3)))
        if answer.status == 201:
            self._hot_held.append(answer.about["code"])

    def _reserved(self, kind: str, seats: list[int]) -> Answered:
        with self._lock:
            rut = next(self._ruts)
        body, about, key = {"seat_ids": seats, "rut": rut}, {"seats": seats, "rut": rut}, uuid.uuid4().hex
        answer = self._ask(kind, key, "POST", "/api/reservations", body, about)
        if self.random.random() < CLICKS_TWICE:
            answer = self._ask(kind, key, "POST", "/api/reservations", body, about)
        return answer

    def rush(self, *, buyers: int, rounds: int) -> None:
        """So many buyers want the same seat in the same instant, seat after seat."""
        for _ in range(rounds):
            with self._lock:
                seat = self._halls[-1].pop()
            together = threading.Barrier(buyers)
            for buyer in [self._pool.submit(self._rushes, seat, together) for _ in range(buyers)]:
                buyer.result()

    def _rushes(self, seat: int, together: threading.Barrier) -> None:
        together.wait(timeout=30)
        self._reserved("reserve_hot", [seat])

    def crowd(self, seats: list[int], *, each: int, at_once: int = 12) -> list[str]:
        """Buyers take all these seats, so many each, side by side; the codes of their reservations."""
        parts = [seats[first : first + each] for first in range(0, len(seats), each)]
        with ThreadPoolExecutor(at_once) as pool:
            answers = list(pool.map(lambda part: self._reserved("reserve", part), parts))
        return [answer.about["code"] for answer in answers if answer.status == 201]

    def _cancel(self) -> None:
        if code := taken(self._hot_held):
            self._ask("cancel", code, "DELETE", f"/api/reservations/{code}", None, {"code": code})

    def _pay(self) -> None:
        if not (code := taken(self._held)):
            return
        if self._ask("order", code, "GET", f"/api/orders/{code}").status != 200:
            self._held.append(code)  # Not carried yet: the buyer looks again later.
            return
        card = APPROVED if self.random.random() < 0.95 else DECLINED
        body = {"card_number": card, "card_expiry": "12/30", "card_cvv": "123"}
        self._ask("pay", uuid.uuid4().hex, "POST", f"/api/orders/{code}/pay", body, {"order": code, "card": card})

    def _refund(self) -> None:
        if ticket := taken(self._paid):
            path = f"/api/tickets/{ticket}/refund"
            self._ask("refund", ticket, "POST", path, {"reason": "simulacro"}, {"ticket": ticket})

    def _check_in(self) -> None:
        if ticket := taken(self._paid):
            path = f"/api/tickets/{ticket}/check-in"
            self._ask("check_in", ticket, "POST", path, {"gate": "Norte"}, {"ticket": ticket})

    def _events(self) -> None:
        self._ask("events", "", "GET", "/api/events")

    def _seat_map(self) -> None:
        self._ask("seat_map", "", "GET", f"/api/events/{self.hot_event}/seats")

    def _portal(self) -> None:
        self._ask("portal", "", "GET", self.random.choice(["/", f"/evento/{self.hot_event}"]))

    def _outside(self) -> None:
        with self._lock:
            rut = next(self._ruts)
        name = f"OUT-{uuid.uuid4().hex}"
        body = {"id": name, "rut": rut, "price": 5000, "event": "Evento de otro vendedor"}
        self._ask("outside", name, "POST", "/tickets", body, {"ticket": name})


READING = ("events", "seat_map", "portal", "order")
PROGRAM = {
    "reserve": "reservations",
    "reserve_hot": "reservations",
    "cancel": "reservations",
    "events": "reservations",
    "seat_map": "reservations",
    "portal": "portal",
    "outside": "middleware",
}


def taken(waiting: deque[str]) -> str | None:
    """The oldest, None when there is none."""
    try:
        return waiting.popleft()
    except IndexError:
        return None
