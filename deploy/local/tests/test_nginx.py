"""The deployed nginx in front of two replicas that say how they were called: what it keeps, refuses, sheds."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from deploy.local import nginx
from deploy.local.engine import until
from deploy.local.ports import free_port

MAP = "/api/events/1/seats"
# More than nginx lets pass before it keeps an answer.
OFTEN = 12


class Replica(BaseHTTPRequestHandler):
    """Answers each call with its number, so that a kept answer is known by an old one."""

    protocol_version = "HTTP/1.1"
    calls: ClassVar[list[tuple[str, str, dict[str, str]]]] = []
    gate: ClassVar[threading.Event] = threading.Event()
    kept_for: ClassVar[str] = "1"
    # How many of the next POSTs are met by a connection that closes.
    hang_up: ClassVar[list[None]] = []

    def do_GET(self) -> None:
        self.calls.append((self.command, self.path, dict(self.headers)))
        if self.headers.get("If-None-Match") == 'W/"1"':
            self.answer(304, b"")
        else:
            self.answer(200, str(len(self.calls)).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.calls.append((self.command, self.path, dict(self.headers)))
        if self.hang_up:
            self.hang_up.pop()
            self.close_connection = True
            return
        self.gate.wait(20)
        self.answer(200, b"sold")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", 'W/"1"')
        self.send_header("Cache-Control", "no-cache")
        if self.kept_for and self.command == "GET":
            self.send_header("X-Accel-Expires", self.kept_for)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *about: Any) -> None: ...


class Server(ThreadingHTTPServer):
    # The five that the library takes are fewer than the callers here: nginx would see refused connections.
    request_queue_size = 128


class Site:
    """nginx with two replicas; what it is asked with, and what reached them."""

    def __init__(self, folder: Path, **settings: str) -> None:
        Replica.calls, Replica.kept_for = [], "1"
        Replica.gate.set()
        behind, port, portal = free_port(), free_port(), (free_port(), free_port())
        self.replicas = [Server((f"127.0.0.{n}", behind), Replica) for n in (11, 12)]
        self.replicas += [Server((f"127.0.0.{n}", portal[1]), Replica) for n in (31, 32)]
        for replica in self.replicas:
            replica.daemon_threads = True
            threading.Thread(target=replica.serve_forever, args=(0.05,), daemon=True).start()
        argv = nginx.command(folder / "nginx", port=port, behind=behind, portal=portal, settings=settings)
        self.process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        self.url, self.portal = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{portal[0]}"
        assert until(self._is_up, timeout=20), (folder / "nginx" / "error.log").read_text()
        Replica.calls.clear()

    def _is_up(self) -> bool:
        try:
            return bool(requests.get(f"{self.url}/health", timeout=5).ok)
        except requests.ConnectionError:
            return False

    def close(self) -> None:
        Replica.gate.set()
        self.process.terminate()
        self.process.wait(20)
        for replica in self.replicas:
            replica.shutdown()
            replica.server_close()

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers=headers, timeout=20)

    def buy(self, path: str = "/api/reserve", buyer: str = "") -> requests.Response:
        headers = {"X-Forwarded-For": buyer} if buyer else {}
        return requests.post(f"{self.url}{path}", data=b"{}", headers=headers, timeout=30)

    def reached(self) -> int:
        return len(Replica.calls)


@pytest.fixture
def settings() -> dict[str, str]:
    return {}


@pytest.fixture
def site(tmp_path: Path, settings: dict[str, str]) -> Iterator[Site]:
    found = Site(tmp_path, **settings)
    yield found
    found.close()


def test_a_map_that_many_ask_for_is_kept_and_its_etag_answered_304(site: Site) -> None:
    answers = {site.get(MAP).text for _call in range(OFTEN)}
    assert site.reached() < OFTEN
    assert len(answers) == site.reached()
    before = site.reached()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _n: site.get(MAP, **{"If-None-Match": 'W/"1"'}).status_code, range(40)))
    assert set(found) == {304}
    # At most one call a second, whatever the number of callers.
    assert site.reached() - before < 10


def test_what_is_seldom_asked_for_is_asked_for_each_time(site: Site) -> None:
    assert [site.get(MAP).text for _call in range(3)] == ["1", "2", "3"]


def test_a_seat_that_was_taken_is_seen_within_two_seconds(site: Site) -> None:
    for _call in range(OFTEN):
        site.get(MAP)
    Replica.calls.extend([("", "", {})] * 1000)
    assert until(lambda: int(site.get(MAP).text) > 1000, timeout=10)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Service x"},
        {"Cache-Control": "no-cache"},
        {"Pragma": "no-cache"},
        {"Accept": "text/html"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_who_has_a_credential_or_asks_for_a_fresh_answer_is_asked_through(site: Site, headers: dict[str, str]) -> None:
    for _call in range(OFTEN):
        site.get(MAP)
    before = site.reached()
    found = [site.get(MAP, **headers) for _call in range(OFTEN)]
    assert site.reached() == before + OFTEN
    assert len({answer.text for answer in found}) == OFTEN


def test_a_query_is_asked_through(site: Site) -> None:
    assert len({site.get(f"{MAP}?page=1").text for _call in range(OFTEN)}) == OFTEN


def test_the_portals_own_etag_reaches_the_site(site: Site) -> None:
    answer = site.get(MAP, **{"Authorization": "Service x", "If-None-Match": 'W/"1"'})
    assert answer.status_code == 304
    assert Replica.calls[-1][2]["If-None-Match"] == 'W/"1"'


@pytest.mark.parametrize("path", ["/api/reservations/TF-1", "/health", "/admin/", "/api/instance", "/api/docs/"])
def test_nothing_else_is_ever_kept(site: Site, path: str) -> None:
    assert len({site.get(path).text for _call in range(OFTEN)}) == OFTEN


def test_what_the_site_does_not_name_as_public_is_never_kept(site: Site) -> None:
    Replica.kept_for = ""
    assert len({site.get(MAP).text for _call in range(OFTEN)}) == OFTEN


@pytest.mark.parametrize("settings", [{"RESERVATIONS_ADDRESS_RATE": "1r/m"}])
def test_an_address_that_asks_too_often_is_refused_by_nginx_for_all_replicas(site: Site) -> None:
    # Fewer at once than there are places, so that nobody is shed.
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _n: site.buy(buyer="10.0.0.1"), range(640)))
    refused = [answer for answer in found if answer.status_code == 429]
    # One, a burst of 600, and what a minute lets through when the machine is slow.
    assert 36 <= len(refused) <= 39
    assert Counter(answer.status_code for answer in found) == {200: site.reached(), 429: len(refused)}
    assert refused[0].json()["code"] == "throttled"
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert refused[0].headers["Content-Type"] == "application/json"
    # Each buyer whom the portal names counts alone; the other call that sells counts together with the first.
    assert site.buy("/api/reservations", buyer="10.0.0.1").status_code == 429
    assert site.buy(buyer="10.0.0.1, 10.0.0.2").status_code == 200
    # A program of ours that names no buyer, and what is read.
    assert site.buy().status_code == 200
    assert site.get(MAP, **{"X-Forwarded-For": "10.0.0.1"}).status_code == 200


def test_a_connection_that_closes_as_a_call_is_sent_on_it_is_not_the_buyers_trouble(site: Site) -> None:
    assert site.buy().status_code == 200
    Replica.hang_up.append(None)
    assert site.buy().status_code == 200
    _first, lost, again = (headers["X-Request-ID"] for _method, _path, headers in Replica.calls)
    assert lost == again


@pytest.mark.parametrize("settings", [{"RESERVATIONS_AT_ONCE": "2"}])
def test_when_all_places_are_taken_the_next_buyer_is_told_at_once_and_health_goes_on(site: Site) -> None:
    Replica.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        # Two places of each replica, and two more of each as a backup.
        waiting = [pool.submit(site.buy) for _n in range(8)]
        assert until(lambda: site.reached() == 8, timeout=20)
        shed = site.buy()
        assert (shed.status_code, shed.json()["code"]) == (503, "unavailable")
        assert int(shed.headers["Retry-After"]) >= 1
        assert site.get("/health").status_code == 200
        assert site.get("/admin/").status_code == 200
        Replica.gate.set()
        assert {call.result().status_code for call in waiting} == {200}
    assert site.buy().status_code == 200


@pytest.mark.parametrize("settings", [{"PORTAL_ROOM_PAGES": "1r/m"}])
def test_pages_of_those_who_wait_queue_in_nginx_and_all_others_pass(site: Site) -> None:
    room = f"{site.portal}/evento/1/sala"
    assert requests.get(room, timeout=20).ok
    with pytest.raises(requests.ReadTimeout):
        # Its place in the queue comes up in a minute.
        requests.get(room, timeout=1)
    for path in ("/evento/1/sala?turno=1", "/evento/1/sala.json", "/evento/1", "/orden/TF-1"):
        assert requests.get(f"{site.portal}{path}", timeout=20).ok
    assert [path for _method, path, _headers in Replica.calls].count("/evento/1/sala") == 1
