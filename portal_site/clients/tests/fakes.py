"""The two APIs that the portal uses, as real HTTP servers with memory: for tests, and to look at the pages.

`python -m portal_site.clients.tests.fakes` serves both with a few events until it is stopped.
"""

import argparse
import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

from middleware_worker.contract import credentials
from middleware_worker.contract.rut import format_rut

ZONE = ZoneInfo("America/Santiago")
KEY = "test-portal-key-00000000000000000000"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
Answer = tuple[int, Any]


@dataclass
class Call:
    site: str
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Sites:
    """What both sites remember. `down` names sites that answer 503, `hung` those that close without an answer."""

    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    seats: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    sections: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    reservations: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    claimed: dict[str, list[str]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    scripted: dict[tuple[str, str], Answer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    # Whether billing hears of a reservation at once.
    hears: bool = True
    documents: str = "ready"
    made: int = 0

    # -- reservations ------------------------------------------------------------------------------

    def add_event(self, event_id: int, name: str, *, sections: list[tuple[str, int, int, int]], **more: Any) -> None:
        """`sections`: (name, price, rows, seats a row), one below the other."""
        starts = datetime.now(ZONE).replace(hour=20, minute=0, second=0, microsecond=0) + timedelta(days=20 + event_id)
        seats, found, y = [], [], 0.0
        widest = max(columns for _name, _price, _rows, columns in sections)
        for rank, (section, price, rows, columns) in enumerate(sections):
            section_id = event_id * 10 + rank
            found.append({"id": section_id, "name": section, "price": price, "rank": rank})
            for row in range(rows):
                letter = chr(ord("A") + row)
                for number in range(1, columns + 1):
                    aisle = 1 if columns > 16 and number > columns // 2 else 0
                    seats.append(
                        {
                            "id": event_id * 10000 + len(seats) + 1,
                            "event_id": event_id,
                            "seat_number": f"{section[:2].upper()}-{letter}{number}",
                            "status": "available",
                            "section": section_id,
                            "row": letter,
                            "number": number,
                            "x": (widest - columns) / 2 + number - 1 + aisle,
                            "y": y,
                            "price": price,
                        }
                    )
                y += 1.0
        self.seats[event_id], self.sections[event_id] = seats, found
        self.events[event_id] = {
            "id": event_id,
            "name": name,
            "venue": "Teatro Municipal",
            "description": "",
            "date": starts.strftime("%Y-%m-%d %H:%M"),
            "starts_at": starts.isoformat(),
            "status": "published",
            "sales_open_at": (starts - timedelta(days=90)).isoformat(),
            "sales_close_at": starts.isoformat(),
            "price_from": min(price for _name, price, _rows, _columns in sections),
            **more,
        }

    def event(self, event_id: int) -> dict[str, Any]:
        seats = self.seats[event_id]
        free = sum(seat["status"] == "available" for seat in seats)
        return self.events[event_id] | {"total_seats": len(seats), "available_seats": free}

    def seat(self, seat_id: int) -> dict[str, Any] | None:
        return next((seat for seats in self.seats.values() for seat in seats if seat["id"] == seat_id), None)

    def take(self, *seat_ids: int, status: str = "reserved") -> None:
        for seat_id in seat_ids:
            seat = self.seat(seat_id)
            assert seat
            seat["status"] = status

    def on_reservations(self, call: Call) -> tuple[int, Any, dict[str, str]]:
        path = call.path.partition("?")[0]
        if path == "/api/events":
            return 200, {"events": [self.event(event_id) for event_id in self.events], "instance": "fake"}, {}
        if found := re.fullmatch(r"/api/events/(\d+)(/seats)?", path):
            return self._event_call(int(found[1]), bool(found[2]), call)
        if path == "/api/reservations" and call.method == "POST":
            return (*self._reserve(call), {})
        if found := re.fullmatch(r"/api/reservations/([^/]+)", path):
            reservation = self.reservations.get(found[1])
            if reservation is None:
                return 404, {"error": "Reserva no encontrada", "code": "not_found"}, {}
            if call.method == "DELETE":
                if reservation["status"] == "confirmed":
                    return 409, {"error": "La reserva ya está pagada", "code": "paid"}, {}
                self.end(found[1])
                return 202, reservation | {"status": "cancelling"}, {}
            return 200, reservation, {}
        return 404, {"error": "No encontrado", "code": "not_found"}, {}

    def _event_call(self, event_id: int, seats: bool, call: Call) -> tuple[int, Any, dict[str, str]]:
        if event_id not in self.events:
            return 404, {"error": "Evento no encontrado", "code": "unknown_event"}, {}
        if not seats:
            sections = [
                one
                | {
                    "available": sum(
                        s["status"] == "available" and s["section"] == one["id"] for s in self.seats[event_id]
                    )
                }
                for one in self.sections[event_id]
            ]
            return 200, self.event(event_id) | {"sections": sections}, {}
        state = ",".join(str(seat["id"]) for seat in self.seats[event_id] if seat["status"] != "available")
        etag = f'W/"{event_id}-{uuid.uuid5(uuid.NAMESPACE_OID, state).hex[:12]}"'
        if call.headers.get("if-none-match") == etag:
            return 304, None, {"ETag": etag}
        body = {"seats": self.seats[event_id], "sections": self.sections[event_id], "event": self.event(event_id)}
        return 200, body, {"ETag": etag}

    def _reserve(self, call: Call) -> Answer:
        body, key = call.body, call.headers.get("idempotency-key", "")
        if key in self.keys:
            return 201, self.reservations[self.keys[key]]
        if "seat_ids" in body:
            wanted = [self.seat(seat_id) for seat_id in body["seat_ids"]]
            if None in wanted:
                return 404, {"error": "Asiento no encontrado", "code": "unknown_seat"}
        else:
            free = [
                seat
                for seat in self.seats[body["event_id"]]
                if seat["status"] == "available" and body.get("section") in (None, seat["section"])
            ]
            if len(free) < body["quantity"]:
                return 409, {"error": "No hay asientos suficientes", "code": "not_enough_seats"}
            wanted = list(free[: body["quantity"]])
        seats: list[dict[str, Any]] = [seat for seat in wanted if seat]
        taken = [
            {"seat_id": seat["id"], "seat_number": seat["seat_number"], "status": seat["status"]}
            for seat in seats
            if seat["status"] != "available"
        ]
        if taken:
            return 409, {"error": "Asiento no disponible", "code": "seats_taken", "taken": taken}
        self.take(*(seat["id"] for seat in seats))
        code = self.hold(seats, rut=body["rut"], email=body.get("email", ""), name=body.get("name", ""))
        self.keys[key] = code
        return 201, self.reservations[code]

    def hold(
        self, seats: list[dict[str, Any]], *, rut: int, email: str = "", name: str = "", minutes: float = 10
    ) -> str:
        self.made += 1
        code = f"TF-{self.made:04d}-7K2M-9QXA"
        event = self.event(seats[0]["event_id"])
        names = {one["id"]: one["name"] for one in self.sections[event["id"]]}
        now = datetime.now(ZONE)
        self.reservations[code] = {
            "code": code,
            "event": {key: event[key] for key in ("id", "name", "venue", "date", "starts_at")},
            "rut": rut,
            "status": "held",
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(minutes=minutes)).isoformat(),
            "total": sum(seat["price"] for seat in seats),
            "seats": [
                {
                    "seat_id": seat["id"],
                    "seat_number": seat["seat_number"],
                    "section": names[seat["section"]],
                    "row": seat["row"],
                    "number": seat["number"],
                    "price": seat["price"],
                    "ticket_id": f"TF-{uuid.uuid4().hex}",
                    "status": "held",
                }
                for seat in seats
            ],
        }
        self.reservations[code]["buyer"] = {"email": email, "name": name}
        if self.hears:
            self.hear(code)
        return code

    def end(self, code: str) -> None:
        """The seats are free again; billing keeps a tombstone."""
        reservation = self.reservations[code]
        reservation["status"] = "released"
        for seat in reservation["seats"]:
            self.take(seat["seat_id"], status="available")
        if code in self.orders:
            self.orders[code]["status"] = "expired"
            for ticket in self.orders[code]["tickets"]:
                ticket["status"] = "EXPIRED"

    # -- billing -----------------------------------------------------------------------------------

    def hear(self, code: str) -> None:
        held = self.reservations[code]
        self.orders[code] = {
            "code": code,
            "rut": held["rut"],
            "status": "pending",
            "total": held["total"],
            "expires_at": held["expires_at"],
            "event": held["event"]["name"],
            "venue": held["event"]["venue"],
            "starts_at": held["event"]["starts_at"],
            "email": held["buyer"]["email"],
            "payment": None,
            "tickets": [
                {
                    "id": number,
                    "external_id": seat["ticket_id"],
                    "status": "PENDING_PAYMENT",
                    "rut": held["rut"],
                    "price": seat["price"],
                    "event": held["event"]["name"],
                    "seat": seat["seat_number"],
                    "section": seat["section"],
                    "starts_at": held["event"]["starts_at"],
                    "venue": held["event"]["venue"],
                    "created_at": held["created_at"],
                    "paid_at": None,
                    "used_at": None,
                    "refunded_at": None,
                    "document": "none",
                    "qr": None,
                }
                for number, seat in enumerate(held["seats"], 1)
            ],
        }

    def settle(self, code: str) -> None:
        """The order is paid."""
        order = self.orders[code]
        order["status"], order["payment"] = "paid", {"status": "captured", "error": ""}
        self.reservations[code]["status"] = "confirmed"
        for ticket in order["tickets"]:
            ticket |= {"status": "PAID", "document": self.documents, "qr": f"k1.{ticket['external_id']}.{'A9x_' * 20}"}
            ticket["paid_at"] = datetime.now(ZONE).isoformat()
        for seat in self.reservations[code]["seats"]:
            self.take(seat["seat_id"], status="sold")

    def ticket(self, external_id: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        for order in self.orders.values():
            for ticket in order["tickets"]:
                if ticket["external_id"] == external_id:
                    return order, ticket
        return None

    def add_person(self, rut: int, name: str, email: str, password: str = "clave-larga-9") -> str:
        token = f"token-of-{rut}"
        self.people[token] = {
            "password": password,
            "person": {
                "rut": rut,
                "rut_display": format_rut(rut),
                "full_name": name,
                "email": email,
                "verified": False,
            },
        }
        return token

    def _sees(self, call: Call, order: dict[str, Any]) -> bool:
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        return call.headers.get("x-booking-code") == order["code"] or order["code"] in self.claimed.get(token, [])

    def on_billing(self, call: Call) -> tuple[int, Any, dict[str, str]]:
        path, token = call.path.partition("?")[0], call.headers.get("authorization", "").removeprefix("Bearer ")
        known = token in self.people
        if call.headers.get("authorization", "").startswith("Bearer ") and not known:
            return 401, {"error": "Se requiere autenticación", "code": "not_authenticated"}, {}
        if found := re.fullmatch(r"/api/orders/([^/]+)(/pay)?", path):
            if found[1] not in self.orders:
                return 404, {"error": "Orden no encontrada", "code": "not_found"}, {}
            order = self.orders[found[1]]
            return (*(self._pay(order, call) if found[2] else (200, order)), {})
        if path == "/api/tickets":
            mine = [t for code in self.claimed.get(token, []) for t in self.orders[code]["tickets"]]
            return 200, {"count": len(mine), "next": None, "previous": None, "results": mine}, {}
        if found := re.fullmatch(r"/api/tickets/([^/]+)(/\w+)?", path):
            return self._ticket_call(found[1], found[2] or "", call)
        return (*self._people_call(path, token, call), {})

    def _pay(self, order: dict[str, Any], call: Call) -> Answer:
        if order["status"] != "pending":
            return 409, {"error": "La orden no está por pagar", "code": "not_pending"}
        number = call.body["card_number"]
        if number == "4000000000000002":
            order["payment"] = {"status": "declined", "error": "Fondos insuficientes"}
            return 402, {"error": "La tarjeta fue rechazada", "code": "declined"}
        if number == "4000000000000259":
            order["payment"] = {"status": "unknown", "error": ""}
            return 202, {"code": "unknown"}
        self.settle(order["code"])
        return 200, order

    def _ticket_call(self, external_id: str, what: str, call: Call) -> tuple[int, Any, dict[str, str]]:
        found = self.ticket(external_id)
        if found is None or not self._sees(call, found[0]):
            return 404, {"error": "Boleto no encontrado", "code": "not_found"}, {}
        order, ticket = found
        if what == "/document":
            if ticket["document"] != "ready":
                return 202, {"code": "preparing"}, {}
            return 200, PDF, {"Content-Type": "application/pdf"}
        if what == "/refund":
            if ticket["status"] != "PAID":
                return 409, {"error": "Este boleto no se puede devolver", "code": "not_refundable"}, {}
            ticket |= {"status": "REFUNDED", "qr": None, "document": "none"}
            states = {one["status"] for one in order["tickets"]}
            order["status"] = "refunded" if states == {"REFUNDED"} else "mixed"
            return 200, ticket, {}
        return 200, ticket, {}

    def _people_call(self, path: str, token: str, call: Call) -> Answer:
        body = call.body
        if path == "/api/login":
            for known, found in self.people.items():
                person = found["person"]
                named = body.get("email") == person["email"] or str(body.get("rut")) in (
                    str(person["rut"]),
                    person["rut_display"],
                )
                if named and body["password"] == found["password"]:
                    return 200, {"token": known, "person": person}
            return 401, {"error": "Datos incorrectos", "code": "wrong_credentials"}
        if path == "/api/claims":
            if body["code"] not in self.orders:
                return 404, {"error": "No encontrado", "code": "not_found"}
            linked = self.claimed.setdefault(token, [])
            if body["code"] not in linked:
                linked.append(body["code"])
            return 200, {"linked": [t["external_id"] for t in self.orders[body["code"]]["tickets"]], "verified": False}
        if path == "/api/register/confirm":
            if body["token"] == "used":
                return 400, {"error": "El enlace ya no sirve", "code": "bad_token"}
            new = self.add_person(11111111, "Ana Nueva", "ana@example.cl")
            return 200, {"token": new, "person": self.people[new]["person"]}
        if path == "/api/password/reset":
            return 200, {}
        if path in ("/api/register", "/api/password/forgot"):
            return 202, {}
        return 404, {"error": "No encontrado", "code": "not_found"}


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
                signed = call.headers.get("x-service") or call.headers.get("authorization", "")
                try:
                    credentials.verify(signed.removeprefix("Service "), audience=site, keys={"portal": [KEY]})
                except credentials.InvalidCredential:
                    return 401, {"error": "Credencial inválida", "code": "not_authenticated"}, {}
                return sites.on_reservations(call) if site == "reservations" else sites.on_billing(call)

            do_GET = do_POST = do_DELETE = _answer

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
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
