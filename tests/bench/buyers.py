"""Simulated browsers in front of a waiting room: they follow its pages, cookies and `room.js`, each for itself."""

import asyncio
import json
import random
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from middleware_worker.contract.rut import format_rut

# At once, of all browsers together: more of those whose pages wait in nginx's queue than it holds, and apart from them
# the others, as each browser has connections of its own.
IN_LINE, CONNECTIONS = 800, 256
ANSWER_SECONDS = 40.0
# Who is told to come again, or hears nothing, waits so long, as the page of nginx does.
AGAIN_SECONDS = 5.0
THINKS_SECONDS = (2.0, 20.0)
MOST_SEATS = 4
NAMED = {
    name: re.compile(pattern)
    for name, pattern in {
        "phase": r'data-phase="(\w+)"',
        "number": r'data-number="(\d*)"',
        "csrf": r'name="csrfmiddlewaretoken" value="([^"]+)"',
        "nonce": r'name="nonce" value="([^"]+)"',
    }.items()
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes

    def named(self, name: str) -> str:
        found = NAMED[name].search(self.body.decode())
        return found[1] if found else ""


class Web:
    """Kept connections to one address, shared by all browsers; how long every answer took, by what was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.in_line, self.others = asyncio.Semaphore(IN_LINE), asyncio.Semaphore(CONNECTIONS)
        self.idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
        self.seconds: dict[str, list[float]] = {}
        self.statuses: Counter[tuple[str, int]] = Counter()

    async def ask(self, what: str, path: str, *, cookies: Mapping[str, str], form: Mapping[str, Any] | None) -> Answer:
        """The answer; status 0 when there was none."""
        began = time.monotonic()
        async with self.in_line if what in ("room", "join") else self.others:
            try:
                answer = await asyncio.wait_for(self._ask(path, cookies, form), ANSWER_SECONDS)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                answer = Answer(0, {}, {}, b"")
        self.seconds.setdefault(what, []).append(time.monotonic() - began)
        self.statuses[what, answer.status] += 1
        return answer

    async def _ask(self, path: str, cookies: Mapping[str, str], form: Mapping[str, Any] | None) -> Answer:
        lines = [f"{'GET' if form is None else 'POST'} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Accept: */*"]
        if cookies:
            lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()))
        body = b"" if form is None else urlencode(form, doseq=True).encode()
        if form is not None:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        request = "\r\n".join([*lines, "", ""]).encode() + body
        # A kept connection may just be closing: that a GET was not answered on it says nothing.
        if form is None and self.idle:
            kept = self.idle.popleft()
            try:
                return await self._over(*kept, request)
            except (OSError, asyncio.IncompleteReadError):
                kept[1].close()
        return await self._over(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**20), request)

    async def _over(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> Answer:
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers, cookies = {}, {}
            for line in head[1:-2]:
                name, _sep, value = line.partition(": ")
                headers[name.lower()] = value
                if name.lower() == "set-cookie":
                    cookie, _sep, worth = value.partition(";")[0].partition("=")
                    cookies[cookie] = worth
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        except BaseException:
            writer.close()
            raise
        if headers.get("connection") == "close" or len(self.idle) >= CONNECTIONS:
            writer.close()
        else:
            self.idle.append((reader, writer))
        return Answer(int(head[0].split()[1]), headers, cookies, body)


@dataclass
class Buyer:
    """One browser. `outcome` says how it ended; the moments are time.monotonic."""

    web: Web
    event_id: int
    first_seat: int
    rut: int
    arrives: float
    gives_up: bool
    cookies: dict[str, str] = field(default_factory=dict)
    number: int = 0
    outcome: str = "on the way"
    seats: int = 0
    opened_at: float = 0.0
    numbered_at: float = 0.0
    turn: str = ""

    async def live(self) -> None:
        await asyncio.sleep(self.arrives)
        await self._stand_in_line()
        while self.outcome == "on the way":
            page = await self._ask("turn" if self.turn else "room", f"/evento/{self.event_id}/sala{self.turn}")
            if page.status == 302:
                await self._shop()
            elif page.status != 200:
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                await self._wait(page.named("phase"), page)

    async def _stand_in_line(self) -> None:
        path = f"/evento/{self.event_id}/sala"
        while True:
            page = await self._ask("room", path)
            if page.status == 200:
                joined = await self._ask("join", path, {"csrfmiddlewaretoken": page.named("csrf")})
                if joined.status == 302:
                    return
            await asyncio.sleep(AGAIN_SECONDS)

    async def _wait(self, phase: str, page: Answer) -> None:
        """As `room.js` does in this phase; returns when it would load the page again."""
        self.turn = ""
        if phase == "before":
            found = await self._look_until(lambda found: found["state"] != "before")
            self.opened_at = time.monotonic()
            await asyncio.sleep(random.random() * found["spread"])
        elif phase == "numbering":
            await asyncio.sleep(random.random() * 2.5)
        elif phase in ("waiting", "paused", "sold_out"):
            self.number, self.numbered_at = int(page.named("number")), self.numbered_at or time.monotonic()
            if self.gives_up:
                self.outcome = "gave up in the line"
                return
            found = await self._look_until(lambda found: self.number <= found["door"] or found["sold_out"])
            if self.number > found["door"]:
                self.outcome = "told in the line that all is sold"
            self.turn = "?turno=1"
            await asyncio.sleep(random.random())
        else:
            self.outcome = f"page says {phase or 'nothing'}"

    async def _look_until(self, is_news: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            answer = await self._ask("counters", f"/evento/{self.event_id}/sala.json")
            wait = 10.0
            if answer.status == 200:
                found: dict[str, Any] = json.loads(answer.body)
                if is_news(found):
                    return found
                wait = self._interval(found)
            await asyncio.sleep(wait)

    def _interval(self, found: dict[str, Any]) -> float:
        ahead = self.number - found["door"] if self.number else found["waiting"]
        wait = next(seconds for most, seconds in found["poll"] if most is None or ahead <= most)
        wait *= 1 + random.random() / 5
        left = (datetime.fromisoformat(found["opens_at"]) - datetime.now().astimezone()).total_seconds()
        return min(wait, left + 1 + random.random()) if found["state"] == "before" and left > 0 else wait

    async def _shop(self) -> None:
        """Looks at the map, thinks, and reserves; another choice when others were quicker."""
        path = f"/evento/{self.event_id}"
        page = await self._ask("map", path)
        while page.status in (200, 409):
            states = await self._ask("states", f"{path}/asientos.json")
            letters = json.loads(states.body)["states"] if states.status == 200 else ""
            free = [place for place, letter in enumerate(letters) if letter == "a"]
            if letters and not free:
                self.outcome = "found inside that all is sold"
                return
            await asyncio.sleep(random.uniform(*THINKS_SECONDS))
            chosen = random.sample(free, min(len(free), random.randint(1, MOST_SEATS)))
            form = {"csrfmiddlewaretoken": page.named("csrf"), "nonce": page.named("nonce"), "how": "map"}
            form |= {"seat": [self.first_seat + place for place in chosen], "rut": format_rut(self.rut)}
            form |= {"name": "Ana Pérez", "email": f"ana{self.rut}@correo.cl"}
            answer = await self._ask("reserve", path, form)
            while answer.status in (0, 503):
                # The same form again is the same reservation.
                await asyncio.sleep(1)
                answer = await self._ask("reserve", path, form)
            if answer.status == 302 and "/orden/" in answer.headers["location"]:
                self.outcome, self.seats = "bought", len(chosen)
                return
            page = answer
        if page.status == 302:
            self.outcome = "was inside for too long"
        elif page.status != 503:
            self.outcome = f"was answered {page.status}"
        else:
            await asyncio.sleep(AGAIN_SECONDS)

    async def _ask(self, what: str, path: str, form: Mapping[str, Any] | None = None) -> Answer:
        # The counters are asked for without cookies: they are the same for all.
        cookies = {} if what == "counters" else self.cookies
        answer = await self.web.ask(what, path, cookies=cookies, form=form)
        for name, value in answer.cookies.items():
            self.cookies[name] = value
            if not value or value == '""':
                del self.cookies[name]
        return answer
