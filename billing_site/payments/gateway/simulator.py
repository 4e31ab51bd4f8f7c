"""A payment gateway for tests, drills and the demo: `python -m billing_site.payments.gateway.simulator --ledger PATH`.

A process of its own, with a ledger (SQLite) that survives its death. A charge or a refund is made once a
reference, however often it is asked; the first answer is given again. Calls carry `X-Api-Key` when the
process was started with `--key` (or the variable BILLING_GATEWAY_KEY).

    POST /charges {"reference","amount","card_number","about"?} → {"outcome": "captured" | "declined", "reason"}
    GET  /charges/<reference>                            → the same; 404 {"outcome": "not_found"}
    POST /refunds {"reference","charge","amount","about"?}      → {"outcome": "captured" | "declined", "reason"}
    GET  /ledger                                         → every charge and refund, and the sums
    GET  /                                               → these cards, as a page

What it does depends on the card's number:

    4111 1111 1111 1111   approves, as every other number that is a card number
    4000 0000 0000 0002   declines
    4000 0000 0000 0069   declines: the card has run out
    4000 0000 0000 0259   slow: captures at once, answers after the caller's time-out
    4000 0000 0000 0341   captures, then the whole process dies before it answers
    4000 0000 0000 0127   takes the request, answers after the caller's time-out, captures nothing
    4000 0000 0000 0044   captures late: says that it knows nothing of the charge, until it captures it all the same
    4000 0000 0000 5126   approves, but refuses every refund
    4000 0000 0000 7726   approves, but the answer to a refund comes after the caller's time-out
"""

import argparse
import html
import json
import os
import re
import signal
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

APPROVES = "4111111111111111"
DECLINES = "4000000000000002"
RAN_OUT = "4000000000000069"
SLOW = "4000000000000259"
DIES = "4000000000000341"
SWALLOWS = "4000000000000127"
LATE = "4000000000000044"
NO_REFUND = "4000000000005126"
SLOW_REFUND = "4000000000007726"

REASONS = {DECLINES: "insufficient_funds", RAN_OUT: "expired_card"}
MAX_BODY = 10_000
DIED = 137

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS charge (
    reference TEXT PRIMARY KEY, amount INTEGER NOT NULL, card TEXT NOT NULL, outcome TEXT NOT NULL,
    reason TEXT NOT NULL, visible_from REAL NOT NULL, at REAL NOT NULL, about TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS refund (
    reference TEXT PRIMARY KEY, charge TEXT NOT NULL, amount INTEGER NOT NULL, outcome TEXT NOT NULL,
    reason TEXT NOT NULL, at REAL NOT NULL, about TEXT NOT NULL DEFAULT '');
"""


class Refused(Exception):
    """The request cannot be used; the text says why."""


class Ledger:
    """Every charge and refund. One writer at a time; a row is on the disk before anybody is answered."""

    def __init__(self, path: Path, *, late_seconds: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.late_seconds = late_seconds
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(SCHEMA)
        for table in ("charge", "refund"):
            # A ledger that an earlier version began.
            columns = [row["name"] for row in self._connection.execute(f"PRAGMA table_info({table})")]
            if "about" not in columns:
                self._connection.execute(f"ALTER TABLE {table} ADD COLUMN about TEXT NOT NULL DEFAULT ''")
        self._connection.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def charge(self, reference: str, amount: int, card: str, about: str = "") -> tuple[dict[str, Any], bool]:
        """The charge's answer, and whether it was made just now."""
        with self._lock:
            known = self._one("SELECT * FROM charge WHERE reference = ?", reference)
            if known is not None:
                if known["amount"] != amount:
                    raise Refused("this reference was charged with another amount")
                return _answer(known), False
            if card == SWALLOWS:
                return {"outcome": "not_found", "reason": "swallowed"}, True
            reason = REASONS.get(card, "" if _is_card_number(card) else "invalid_number")
            outcome = "declined" if reason else "captured"
            now = time.time()
            visible = now + self.late_seconds if card == LATE else now
            self._connection.execute(
                "INSERT INTO charge VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (reference, amount, card[-4:], outcome, reason, visible, now, about),
            )
            return {"outcome": outcome, "reason": reason}, True

    def lookup(self, reference: str) -> dict[str, Any] | None:
        with self._lock:
            known = self._one("SELECT * FROM charge WHERE reference = ? AND visible_from <= ?", reference, time.time())
        return _answer(known) if known else None

    def refund(self, reference: str, charge: str, amount: int, about: str = "") -> tuple[dict[str, Any], bool]:
        """The refund's answer, and whether it was made just now with the card that makes the caller wait."""
        with self._lock:
            paid = self._one("SELECT * FROM charge WHERE reference = ? AND outcome = 'captured'", charge)
            card = paid["card"] if paid else ""
            known = self._one("SELECT * FROM refund WHERE reference = ?", reference)
            if known is not None:
                if (known["charge"], known["amount"]) != (charge, amount):
                    raise Refused("this reference refunded another charge or amount")
                return _answer(known), False
            done = self._one(
                "SELECT COALESCE(SUM(amount), 0) AS sum FROM refund WHERE charge = ? AND outcome = 'captured'", charge
            )
            reason = ""
            if paid is None:
                reason = "no_such_charge"
            elif card == NO_REFUND[-4:]:
                reason = "refund_refused"
            elif done is not None and done["sum"] + amount > paid["amount"]:
                reason = "more_than_captured"
            outcome = "declined" if reason else "captured"
            self._connection.execute(
                "INSERT INTO refund VALUES (?, ?, ?, ?, ?, ?, ?)",
                (reference, charge, amount, outcome, reason, time.time(), about),
            )
            return {"outcome": outcome, "reason": reason}, card == SLOW_REFUND[-4:]

    def everything(self) -> dict[str, Any]:
        with self._lock:
            charges = [dict(row) for row in self._connection.execute("SELECT * FROM charge ORDER BY at")]
            refunds = [dict(row) for row in self._connection.execute("SELECT * FROM refund ORDER BY at")]
        return {
            "captured": sum(row["amount"] for row in charges if row["outcome"] == "captured"),
            "refunded": sum(row["amount"] for row in refunds if row["outcome"] == "captured"),
            "charges": charges,
            "refunds": refunds,
        }

    def _one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row


class Simulator(ThreadingHTTPServer):
    daemon_threads = True
    # Sixty-four callers may wait at once before one is turned away.
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], ledger: Ledger, *, key: str, slow_seconds: float) -> None:
        super().__init__(address, Handler)
        self.ledger, self.key, self.slow_seconds = ledger, key, slow_seconds


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: Simulator

    def do_GET(self) -> None:
        if self.path == "/":
            return self._send(200, _page().encode(), "text/html; charset=utf-8")
        if self.path == "/health":
            return self._json(200, {"status": "healthy"})
        if not self._may():
            return None
        if self.path == "/ledger":
            return self._json(200, self.server.ledger.everything())
        match = re.fullmatch(r"/charges/([0-9A-Za-z_-]{1,64})", self.path)
        if match is None:
            return self._json(404, {"error": "no such page"})
        found = self.server.ledger.lookup(match[1])
        return self._json(200, found) if found else self._json(404, {"outcome": "not_found", "reason": ""})

    def do_POST(self) -> None:
        if not self._may():
            return
        try:
            body = self._body()
            if self.path == "/charges":
                self._charge(body)
            elif self.path == "/refunds":
                self._refund(body)
            else:
                self._json(404, {"error": "no such page"})
        except Refused as error:
            self._json(400, {"error": str(error)})

    def _charge(self, body: dict[str, Any]) -> None:
        card = re.sub(r"\D", "", str(body.get("card_number", "")))
        answer, is_new = self.server.ledger.charge(_reference(body, "reference"), _amount(body), card, _about(body))
        if is_new and card == DIES:
            os._exit(DIED)
        if is_new and card in {SLOW, SWALLOWS}:
            time.sleep(self.server.slow_seconds)
        if answer["outcome"] == "not_found":
            self._json(504, {"error": "time-out"})
        elif card == LATE:
            self._json(504, {"error": "the acquirer does not answer"})
        else:
            self._json(200, answer)

    def _refund(self, body: dict[str, Any]) -> None:
        reference, charge = _reference(body, "reference"), _reference(body, "charge")
        answer, is_slow = self.server.ledger.refund(reference, charge, _amount(body), _about(body))
        if is_slow:
            time.sleep(self.server.slow_seconds)
        self._json(200, answer)

    def _may(self) -> bool:
        if self.server.key and self.headers.get("X-Api-Key") != self.server.key:
            # What was not read would be taken for the next request of this connection.
            self.close_connection = True
            self._json(401, {"error": "wrong X-Api-Key"})
            return False
        return True

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            raise Refused("Content-Length is missing or too large")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError as error:
            raise Refused("the body is not JSON") from error
        if not isinstance(body, dict):
            raise Refused("the body is no JSON object")
        return body

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            # The caller did not wait: that is what the slow cards are for.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line a request would only drown the drills."""


def _answer(row: sqlite3.Row) -> dict[str, Any]:
    return {"outcome": row["outcome"], "reason": row["reason"]}


def _reference(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", value):
        raise Refused(f"{name} must be 1 to 64 letters and digits")
    return value


def _amount(body: dict[str, Any]) -> int:
    value = body.get("amount")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**12:
        raise Refused("amount must be whole pesos, more than 0")
    return value


def _about(body: dict[str, Any]) -> str:
    """The caller's own words for what it pays or gives back; kept in the ledger, looked at by nobody."""
    value = body.get("about", "")
    if not isinstance(value, str) or len(value) > 200:
        raise Refused("about must be a text of at most 200 characters")
    return value


def _is_card_number(number: str) -> bool:
    """Luhn's check, by which card numbers catch typing errors (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(number))]
    return 12 <= len(number) <= 19 and sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _page() -> str:
    return f"<!doctype html><title>Payment gateway simulator</title><pre>{html.escape(__doc__ or '')}</pre>"


def main() -> None:
    parser = argparse.ArgumentParser(description="Payment gateway simulator")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5010)
    parser.add_argument("--ledger", type=Path, required=True, help="SQLite file; made when it is not there")
    parser.add_argument("--key", default=os.environ.get("BILLING_GATEWAY_KEY", ""), help="what callers must send")
    parser.add_argument("--slow-seconds", type=float, default=8, help="how long the slow cards take to answer")
    parser.add_argument("--late-seconds", type=float, default=60, help="how long the late card's capture stays unseen")
    chosen = parser.parse_args()
    ledger = Ledger(chosen.ledger, late_seconds=chosen.late_seconds)
    server = Simulator((chosen.host, chosen.port), ledger, key=chosen.key, slow_seconds=chosen.slow_seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    # The port is named because 0 asks for a free one.
    print(f"gateway simulator: ready on {chosen.host}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    ledger.close()


if __name__ == "__main__":
    main()
