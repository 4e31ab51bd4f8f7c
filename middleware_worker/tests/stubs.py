"""The two sites as small HTTP servers: real sockets, answers that a test decides, every call kept."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, Any]]
Rule = Callable[[dict[str, Any]], Reply]


def done(body: dict[str, Any]) -> Reply:
    """Every message is done."""
    return 200, {"answers": [{"id": item["id"], "result": "done", "tickets": []} for item in body["messages"]]}


class StubSite:
    """`rules` by the last word of the path ("messages", "receipts", …); `status` overrules them all."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.status: int | None = None
        self.rules: dict[str, Rule] = {
            "messages": done,
            "receipts": lambda body: (200, {"settled": len(body["receipts"])}),
            "dead-letters": lambda body: (200, {"stored": len(body.get("dead_letters", []))}),
        }
        self.changed = threading.Condition()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                word = self.path.partition("?")[0].rpartition("/")[2]
                with site.changed:
                    site.calls.append((self.path, body))
                    site.headers.append(dict(self.headers.items()))
                    site.changed.notify_all()
                rule = site.rules.get(word, lambda _body: (404, {"code": "not_found", "error": ""}))
                status, found = rule(body) if site.status is None else (site.status, {"code": "stub", "error": "told"})
                if status == 0:  # hang up without an answer
                    self.close_connection = True
                    return
                content = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self._handler = Handler
        self.server = self._serve(0)

    def _serve(self, port: int) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", port), self._handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def reopen(self) -> None:
        """Again, at the same address."""
        self.server = self._serve(self.server.server_address[1])

    def items(self, word: str, key: str) -> list[dict[str, Any]]:
        """Everything that was posted under this last word of the path, as one list."""
        with self.changed:
            return [item for path, body in self.calls if path.endswith("/" + word) for item in body.get(key, [])]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.items("messages", "messages")

    @property
    def receipts(self) -> list[dict[str, Any]]:
        return self.items("receipts", "receipts")

    @property
    def dead_letters(self) -> list[dict[str, Any]]:
        return self.items("dead-letters", "dead_letters")

    def wait_for(self, condition: Callable[[], bool], what: str, *, seconds: float = 30) -> None:
        """Until a call has made the condition true; fails with `what` and the calls when none does."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout=seconds):
                raise AssertionError(f"{what}: not within {seconds} s; calls: {str(self.calls)[-2000:]}")
