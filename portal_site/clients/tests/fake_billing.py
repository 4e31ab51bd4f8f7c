"""The billing site as the portal knows it, in memory."""

import re
from datetime import datetime
from typing import Any

from middleware_worker.contract.rut import format_rut
from portal_site.clients.tests.fake_reservations import ZONE, Answer, Call, FakeReservations

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


class FakeBilling(FakeReservations):
    """Billing, and beside it what reservations remembers."""

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
            refund = {"status": "due", "amount": ticket["price"], "card_last4": "1111"}
            ticket |= {"status": "REFUNDED", "qr": None, "document": "none", "refund": refund}
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
        if path == "/api/me/email":
            if body["password"] != self.people[token]["password"]:
                fields = {"password": ["La contraseña no es correcta"]}
                return 400, {"error": fields["password"][0], "code": "wrong_password", "fields": fields}
            self.new_emails[f"link-of-{token}"] = (token, body["email"])
            return 202, {}
        if path == "/api/email/confirm":
            if body["token"] not in self.new_emails:
                return 400, {"error": "El enlace ya no sirve", "code": "link_used_or_old"}
            owner, email = self.new_emails.pop(body["token"])
            self.people[owner]["person"] |= {"email": email}
            return 200, self.people[owner]["person"]
        if path == "/api/password/reset":
            return 200, {}
        if path in ("/api/register", "/api/password/forgot"):
            return 202, {}
        return 404, {"error": "No encontrado", "code": "not_found"}
