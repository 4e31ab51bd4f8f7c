"""A server that behaves like Webpay Plus's REST API and its payment page, for tests: in memory, standard library only.

`faults` holds what happens to the next calls of an operation (create, commit, status, refund), one each:

    500          answers 500 with Webpay's JSON    html        answers 502 with a page
    empty        answers 500 with nothing          slow        does it, answers when the caller has gone
    late         does it when `arrive` is called   dies-after  does it, closes the connection
    dies-before  closes the connection at once     garbage     does it, answers 200 with half an answer
"""

import html
import json
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

API = "/rswebpaytransaction/api/webpay/v1.2/transactions"
FORM = "/webpayserver/initTransaction"
COMMERCE_CODE, API_KEY = "597000000000", "a-key-of-the-shop-at-webpay"

PAGE = """<!doctype html><html lang="es"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Webpay (doble de pruebas)</title><h1>Webpay: doble de pruebas</h1><p>Total: ${amount}</p>{buttons}</html>"""
BUTTON = """<form method="post" action="/webpayserver/do"><input type="hidden" name="token" value="{token}">
<button name="what" value="{what}" id="{what}">{what}</button></form>"""


@dataclass
class Payment:
    token: str
    buy_order: str
    session_id: str
    amount: int
    return_url: str
    # What became of the page: "", agreed (the card was good), refused (it was not), aborted, timed-out, failed.
    form: str = ""
    status: str = "INITIALIZED"
    code: int | None = None
    refunds: list[int] = field(default_factory=list)

    @property
    def balance(self) -> int:
        return self.amount - sum(self.refunds) if self.captured else 0

    @property
    def captured(self) -> bool:
        return self.code == 0

    def shown(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "amount": self.amount,
            "status": self.status,
            "buy_order": self.buy_order,
            "session_id": self.session_id,
            "accounting_date": "0522",
            "transaction_date": "2026-05-22T12:00:00.000Z",
            "installments_number": 0,
        }
        if self.code is not None:
            said |= {"vci": "TSY", "card_detail": {"card_number": "6623"}, "authorization_code": "1213"}
            said |= {"payment_type_code": "VN", "response_code": self.code}
        if self.refunds:
            said["balance"] = self.balance
        return said


class Webpay:
    """Webpay, and what a test does with it; `with Webpay() as webpay`."""

    def __init__(self, *, returns_by: str = "GET", reverses: bool = True) -> None:
        self.payments: dict[str, Payment] = {}
        self.faults: dict[str, list[str]] = {}
        self.calls: list[str] = []
        self.returns_by = returns_by
        self.arriving, self.on_its_way = threading.Event(), 0
        # Whether a whole refund undoes the charge (the first hours) or is booked against it (later).
        self.reverses = reverses
        self.refuses_refunds = self.forgets = False
        self.lock = threading.RLock()
        # A test may run something while Webpay is being asked.
        self.before: dict[str, Any] = {}
        handler = type("Bound", (Handler,), {"webpay": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> "Webpay":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.arriving.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def kept(self) -> int:
        """Pesos that buyers have paid and not got back."""
        return sum(payment.balance for payment in self.payments.values())

    @property
    def captures(self) -> int:
        return sum(payment.captured for payment in self.payments.values())

    def arrive(self) -> None:
        """What was late is done now."""
        self.arriving.set()
        while self.on_its_way:
            time.sleep(0.01)
        self.arriving.clear()

    def agree(self, token: str, *, form: str = "agreed") -> dict[str, str]:
        """The buyer does something at the page; what their browser then brings back."""
        with self.lock:
            payment = self.payments[token]
            payment.form = form
            order = {"TBK_ORDEN_COMPRA": payment.buy_order, "TBK_ID_SESION": payment.session_id}
            return {
                "agreed": {"token_ws": token},
                "refused": {"token_ws": token},
                "aborted": {"TBK_TOKEN": token, **order},
                "timed-out": order,
                "failed": {"token_ws": token, "TBK_TOKEN": token, **order},
            }[form]

    # The four operations, as (status, JSON)

    def create(self, body: dict[str, Any]) -> tuple[int, Any]:
        if len(body["buy_order"]) > 26 or len(body["session_id"]) > 61 or len(body["return_url"]) > 255:
            return 422, {"error_message": "Invalid value for parameter"}
        token = secrets.token_hex(32)
        amount = int(body["amount"])
        self.payments[token] = Payment(token, body["buy_order"], body["session_id"], amount, body["return_url"])
        return 200, {"token": token, "url": self.url + FORM}

    def commit(self, token: str) -> tuple[int, Any]:
        payment = self.payments.get(token)
        if payment is None:
            return 404, {"error_message": "The transaction was not found"}
        if payment.code is not None:
            return 422, {"error_message": "Transaction already locked by another process"}
        if payment.form not in {"agreed", "refused"}:
            return 422, {"error_message": "Invalid status 0 for transaction while authorizing"}
        payment.status, payment.code = ("AUTHORIZED", 0) if payment.form == "agreed" else ("FAILED", -1)
        return 200, payment.shown()

    def status(self, token: str) -> tuple[int, Any]:
        payment = self.payments.get(token)
        if payment is None or self.forgets:
            return 422, {"error_message": "Token is no longer valid"}
        return 200, payment.shown()

    def refund(self, token: str, amount: int) -> tuple[int, Any]:
        payment = self.payments[token]
        if amount > payment.balance or self.refuses_refunds:
            return 422, {"error_message": "Amount to refund is bigger than authorized"}
        whole = amount == payment.amount
        payment.refunds.append(amount)
        if whole and self.reverses:
            payment.status = "REVERSED"
            return 200, {"type": "REVERSED"}
        payment.status = "PARTIALLY_NULLIFIED" if payment.balance else "NULLIFIED"
        said = {"type": "NULLIFIED", "authorization_code": "123456", "nullified_amount": amount}
        return 200, said | {"balance": payment.balance, "response_code": 0}


class Handler(BaseHTTPRequestHandler):
    webpay: Webpay
    timeout = 30

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == FORM:
            return self._page(parse_qs(parts.query).get("token_ws", [""])[0])
        return self._api()

    def do_POST(self) -> None:
        if self.path.startswith("/webpayserver/"):
            sent = {name: values[0] for name, values in parse_qs(self._read().decode()).items()}
            if self.path == FORM:
                return self._page(sent.get("token_ws", ""))
            return self._leave(sent["token"], sent["what"])
        return self._api()

    def do_PUT(self) -> None:
        self._api()

    def _api(self) -> None:
        raw = self._read()
        headers = self.headers.get("Tbk-Api-Key-Id"), self.headers.get("Tbk-Api-Key-Secret")
        if headers != (COMMERCE_CODE, API_KEY):
            return self._json(401, {"error_message": "Not Authorized"})
        found = re.fullmatch(rf"{API}/(?:(\w+)(/refunds)?)?", self.path)
        name = {"PUT": "commit", "GET": "status"}.get(self.command, "refund" if found and found[2] else "create")
        if found is None:
            return self._json(404, {"error_message": "Not found"})
        webpay = self.webpay
        with webpay.lock:
            webpay.calls.append(name)
            faults = webpay.faults.get(name, [])
            fault = faults.pop(0) if faults else ""
        webpay.before.pop(name, lambda: None)()
        if fault == "late":
            webpay.on_its_way += 1
            webpay.arriving.wait()
        if fault == "500":
            return self._json(500, {"error_message": "Internal error"})
        if fault == "html":
            return self._send(502, b"<html>Bad gateway</html>", "text/html")
        if fault == "empty":
            return self._send(500, b"", "application/json")
        if fault == "dies-before":
            return self._die()
        with webpay.lock:
            if name == "create":
                answer = webpay.create(json.loads(raw))
            elif name == "refund":
                answer = webpay.refund(found[1], int(json.loads(raw)["amount"]))
            else:
                answer = getattr(webpay, name)(found[1])
        webpay.on_its_way -= fault == "late"
        if fault == "dies-after":
            return self._die()
        if fault == "slow":
            # It hangs up in the end, which reads as nothing.
            self.connection.recv(1)
        if fault == "garbage":
            return self._send(200, json.dumps(answer[1]).encode()[:-9], "application/json")
        return self._json(*answer)

    def _page(self, token: str) -> None:
        payment = self.webpay.payments.get(token)
        if payment is None or payment.form:
            return self._send(404, b"<!doctype html><title>Webpay</title>This token is no longer good", "text/html")
        buttons = "".join(
            BUTTON.format(token=html.escape(token), what=what)
            for what in ("agreed", "refused", "aborted", "timed-out", "failed")
        )
        return self._send(200, PAGE.format(amount=payment.amount, buttons=buttons).encode(), "text/html")

    def _leave(self, token: str, what: str) -> None:
        back, target = self.webpay.agree(token, form=what), self.webpay.payments[token].return_url
        if self.webpay.returns_by == "GET":
            self.send_response(303)
            self.send_header("Location", f"{target}?{urlencode(back)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        fields = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in back.items())
        page = f'<!doctype html><form method="post" action="{html.escape(target)}">{fields}<button id="go">go</button>'
        self._send(200, f"{page}</form><script>document.forms[0].submit()</script>".encode(), "text/html")

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _die(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _json(self, status: int, body: Any) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            # The caller did not wait.
            self.close_connection = True
