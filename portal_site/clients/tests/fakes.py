"""The two APIs that the portal uses, as real HTTP servers with memory: for tests, and to look at the pages.

`python -m portal_site.clients.tests.fakes` serves both with a few events until it is stopped.
"""

import argparse
import json
import re
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from middleware_worker.contract import credentials
from portal_site.clients.tests.fake_billing import PDF, FakeBilling
from portal_site.clients.tests.fake_reservations import ZONE, Call

__all__ = ["KEY", "PDF", "ZONE", "Call", "Servers", "Sites", "stage"]

KEY = "test-portal-key-00000000000000000000"
# What nginx answers the portal too: no maps, which it wants exact.
PUBLIC = re.compile(r"/api/events(/[0-9]+)?")


class Sites(FakeBilling):
    """What both sites remember."""


class Servers:
    """Both sites on ports of their own. `sites` may be replaced between tests."""

    def __init__(self, *, ports: tuple[int, int] = (0, 0)) -> None:
        self.sites = Sites()
        self._servers = [self._serve("reservations", ports[0]), self._serve("billing", ports[1])]
        self.reservations_url, self.billing_url = (
            f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers
        )
        self._threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in self._servers]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

    def _serve(self, site: str, port: int) -> ThreadingHTTPServer:
        servers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 30

            def log_message(self, *arguments: Any) -> None:
                """Silent."""

            def _answer(self) -> None:
                sites = servers.sites
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(site, self.command, self.path, headers, body)
                sites.calls.append(call)
                status, content, more = self._decide(sites, call)
                raw = (
                    content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
                )
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | more).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def _decide(self, sites: Sites, call: Call) -> tuple[int, Any, dict[str, str]]:
                if site in sites.down:
                    return 503, {"error": "Servicio no disponible", "code": "unavailable"}, {}
                for (method, pattern), (status, content) in sites.scripted.items():
                    if call.method == method and re.search(pattern, call.path):
                        return status, content, {}
                if site == "reservations" and PUBLIC.fullmatch(call.path):
                    # Signed, nginx would ask the site each time.
                    assert "authorization" not in call.headers, call.path
                    return sites.on_reservations(call)
                signed = call.headers.get("x-service") or call.headers.get("authorization", "")
                try:
                    credentials.verify(signed.removeprefix("Service "), audience=site, keys={"portal": [KEY]})
                except credentials.InvalidCredential:
                    return 401, {"error": "Credencial inválida", "code": "not_authenticated"}, {}
                return sites.on_reservations(call) if site == "reservations" else sites.on_billing(call)

            do_GET = do_POST = do_DELETE = _answer

        class Server(ThreadingHTTPServer):
            # The default of 5 drops connections on a busy machine, and the portal waits one second for them.
            request_queue_size = 128

        server = Server(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        return server


def stage(sites: Sites) -> None:
    """A few events to look at: a theatre, a small hall, a large house, and ones that are not on sale."""
    sites.add_event(
        1,
        "Concierto Rock Nacional",
        sections=[("Platea", 45000, 8, 20), ("Palco", 60000, 2, 12), ("Galería", 18000, 6, 24)],
        description="Una noche con lo mejor del rock chileno de ayer y de hoy. Puertas abiertas desde las 18:30.",
        venue="Estadio Nacional",
    )
    sites.add_event(
        2, "La pérgola de las flores", sections=[("General", 12000, 5, 10)], venue="Teatro Municipal de Ñuñoa"
    )
    sites.add_event(
        3,
        "Orquesta Sinfónica: Mahler 2",
        sections=[("Platea baja", 38000, 16, 50), ("Platea alta", 26000, 16, 50), ("Anfiteatro", 14000, 16, 50)],
        venue="Gran Teatro Nacional",
    )
    later = (datetime.now(ZONE) + timedelta(days=3)).isoformat()
    sites.add_event(
        4, "Festival de cueca brava", sections=[("General", 9000, 6, 12)], sales_open_at=later, venue="Club Chocolate"
    )
    sites.add_event(
        5, "Stand-up en La Serena", sections=[("General", 15000, 4, 8)], status="cancelled", venue="Casa Colorada"
    )
    sites.add_event(
        6, "Ballet: El lago de los cisnes", sections=[("Platea", 32000, 6, 16)], venue="Teatro del Lago, Frutillar"
    )
    for event_id in (1, 3):
        for position, seat in enumerate(sites.seats[event_id]):
            if (position * 7919) % 10 < 3:
                seat["status"] = "sold" if position % 2 else "reserved"
    for seat in sites.seats[6]:
        seat["status"] = "sold"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reservations-port", type=int, default=18083)
    parser.add_argument("--billing-port", type=int, default=15002)
    arguments = parser.parse_args()
    servers = Servers(ports=(arguments.reservations_port, arguments.billing_port))
    stage(servers.sites)
    threading.Event().wait()


if __name__ == "__main__":
    main()
