"""The reservations site as the portal knows it, in memory; and what both fakes remember."""

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Santiago")
Answer = tuple[int, Any]


@dataclass
class Call:
    site: str
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class FakeReservations:
    """What both sites remember. `down` names sites that answer 503, `hung` those that close without an answer."""

    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    seats: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    sections: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    reservations: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    # A new address that waits to be confirmed, by the token of its link: the person's token and the address.
    new_emails: dict[str, tuple[str, str]] = field(default_factory=dict)
    claimed: dict[str, list[str]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    scripted: dict[tuple[str, str], Answer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    # Whether billing hears of a reservation at once.
    hears: bool = True
    documents: str = "ready"
    # Waiting rooms by event, and the number of each browser in line.
    rooms: dict[int, dict[str, Any]] = field(default_factory=dict)
    line: dict[tuple[int, str], int | None] = field(default_factory=dict)
    made: int = 0

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

    def add_room(self, event_id: int, **more: Any) -> dict[str, Any]:
        """A room that is open, in which nobody was let in yet."""
        now = datetime.now(ZONE)
        self.rooms[event_id] = {
            "event_id": event_id, "state": "open", "sold_out": False, "opens_at": now.isoformat(),
            "now": now.isoformat(), "rate": 60, "minutes": 10, "waiting": 0, "last": 0, "door": 0,
            "poll": [[50, 3], [500, 6], [None, 45]], **more,
        }  # fmt: skip
        return self.rooms[event_id]

    def _room_call(self, event_id: int, call: Call) -> tuple[int, Any, dict[str, str]]:
        room = self.rooms.get(event_id)
        if room is None:
            return 404, {"error": "Este evento no tiene sala de espera", "code": "no_room"}, {}
        if call.method == "GET":
            return 200, room, {}
        mine = (event_id, call.body["browser"])
        if call.body["join"] and mine not in self.line:
            self.line[mine] = None
            room["waiting"] += 1
        if mine not in self.line:
            return 404, {"error": "Este navegador no está en la fila", "code": "no_place"}, {}
        if self.line[mine] is None and room["state"] != "before":
            room["last"] += 1
            self.line[mine] = room["last"]
        number = self.line[mine]
        place: dict[str, Any] = {"status": "waiting", "number": number, "uses_left": 2, "expires_at": None}
        if number is not None and number <= room["door"]:
            until = datetime.now(ZONE) + timedelta(minutes=room["minutes"])
            place |= {"status": "inside", "expires_at": until.isoformat(), "pass": f"pass-{number}"}
        return 200, place, {}

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
        if found := re.fullmatch(r"/api/events/(\d+)/room(/places)?", path):
            return self._room_call(int(found[1]), call)
        if found := re.fullmatch(r"/api/events/(\d+)(/seats|/seats/states)?", path):
            return self._event_call(int(found[1]), found[2] or "", call)
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

    def _event_call(self, event_id: int, what: str, call: Call) -> tuple[int, Any, dict[str, str]]:
        if event_id not in self.events:
            return 404, {"error": "Evento no encontrado", "code": "unknown_event"}, {}
        if not what:
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
        state = "".join(seat["status"][0] for seat in sorted(self.seats[event_id], key=lambda seat: seat["id"]))
        etag = f'W/"{event_id}-{uuid.uuid5(uuid.NAMESPACE_OID, state).hex[:12]}"'
        if call.headers.get("if-none-match") == etag:
            return 304, None, {"ETag": etag}
        if what == "/seats/states":
            return 200, {"states": state}, {"ETag": etag}
        body = {"seats": self.seats[event_id], "sections": self.sections[event_id], "event": self.event(event_id)}
        return 200, body, {"ETag": etag}

    def _reserve(self, call: Call) -> Answer:
        body, key = call.body, call.headers.get("idempotency-key", "")
        if key in self.keys:
            return 201, self.reservations[self.keys[key]]
        asked = body.get("event_id") or body["seat_ids"][0] // 10000
        if asked in self.rooms and not call.headers.get("x-admission", "").startswith("pass-"):
            return 403, {"error": "Este evento tiene sala de espera", "code": "waiting_room"}
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

    def hear(self, code: str) -> None:
        """Billing hears of the reservation."""
        raise NotImplementedError

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
