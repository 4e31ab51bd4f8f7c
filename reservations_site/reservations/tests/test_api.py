"""The calls as the contract writes them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from middleware_worker.contract.messages import TicketState
from reservations_site.events.models import Event, Seat
from reservations_site.events.tests.factories import hold, make_event, seat_ids, statuses
from reservations_site.reservations.models import Reservation
from reservations_site.reservations.states import apply_ticket_states


def post(client: Client, path: str, body: Any, **headers: str) -> HttpResponse:
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def reserve(client: Client, seat: int, user: int = 123, **headers: str) -> HttpResponse:
    return post(client, "/api/reserve", {"seat_id": seat, "user_id": user}, **headers)


def test_a_seat_is_reserved_with_the_fields_that_programs_rely_on(event: Event, api: Client, settings: Any) -> None:
    (seat,) = seat_ids(event, "A-1")
    answer = reserve(api, seat)
    body = answer.json()
    assert answer.status_code == 200
    assert body["message"] == "Asiento reservado exitosamente"
    assert (body["seat_id"], body["user_id"], body["instance"]) == (seat, 123, settings.INSTANCE)
    reserved_at = datetime.strptime(body["reserved_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    made = Reservation.objects.get(code=body["reservation"])
    assert reserved_at == made.created_at.replace(microsecond=0)
    assert body["ticket_id"] == made.lines.get().ticket_id
    assert datetime.fromisoformat(body["expires_at"]) == made.expires_at


@pytest.mark.parametrize(("status", "public"), [("reserved", "reserved"), ("sold", "sold"), ("blocked", "reserved")])
def test_a_seat_that_is_not_free_says_its_status(event: Event, api: Client, status: str, public: str) -> None:
    (seat,) = seat_ids(event, "A-1")
    Seat.objects.filter(id=seat).update(status=status)
    answer = reserve(api, seat)
    assert answer.status_code == 409
    assert answer.json() == {"error": "Asiento no disponible", "code": "seats_taken", "status": public}


def test_the_sentences_stay_spanish_whatever_language_a_program_prefers(event: Event, api: Client) -> None:
    answer = reserve(api, 10**9, **{"Accept-Language": "en-US,en;q=0.9"})
    assert (answer.status_code, answer.json()["error"]) == (404, "Asiento no encontrado")
    assert "Content-Language" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        {}, [], None, 5, "x", {"seat_id": 1}, {"user_id": 1}, {"seat_id": "1", "user_id": 1},
        {"seat_id": 1.0, "user_id": 1},
        {"seat_id": True, "user_id": 1}, {"seat_id": 0, "user_id": 1}, {"seat_id": -1, "user_id": 1},
        {"seat_id": None, "user_id": 1}, {"seat_id": [1], "user_id": 1}, {"seat_id": 1, "user_id": 0},
        {"seat_id": 1, "user_id": 100_000_000}, {"seat_id": 1, "user_id": "1-9"}, {"seat_id": {}, "user_id": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_body_that_makes_no_sense_is_400(db: None, api: Client, body: Any) -> None:
    answer = post(api, "/api/reserve", body)
    assert (answer.status_code, answer.json()["error"]) == (400, "Datos inválidos")


@pytest.mark.parametrize("seat", [10**9, 2**63, 10**30])
def test_an_unknown_seat_is_404_however_large_its_number(db: None, api: Client, seat: int) -> None:
    answer = reserve(api, seat)
    assert (answer.status_code, answer.json()["error"]) == (404, "Asiento no encontrado")


RAW = [
    b"", b"{", b"[" * 60_000, b"nope", b"\xff\xfe", b'{"seat_id": NaN, "user_id": 1}',
    b'{"seat_id": 1, "user_id": Infinity}',
    b'{"seat_id": ' + b"9" * 5000 + b', "user_id": 1}', b"\x00" * 100, b" " * 70_000,
]  # fmt: skip


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: f"{len(raw)} bytes {raw[:12]!r}")
@pytest.mark.parametrize("path", ["/api/reserve", "/api/reservations"])
def test_what_is_not_json_or_too_large_is_400(db: None, api: Client, path: str, raw: bytes) -> None:
    answer = api.post(path, raw, content_type="application/json")
    assert answer.status_code == 400
    assert {"error", "code"} <= answer.json().keys()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_of_another_kind_is_400(event: Event, api: Client, kind: str) -> None:
    answer = api.post("/api/reserve", b'{"seat_id": 1, "user_id": 1}', content_type=kind)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a\x00b"}, {"name": "\ud800"}, {"name": "x" * 201}, {"name": 5}, {"email": "no"},
        {"email": "a\x00@b.cl"}, {"email": ["a@b.cl"]}, {"rut": "12.345.678-5"}, {"rut": 0}, {"seat_ids": []},
        {"seat_ids": "1"}, {"seat_ids": [1.5]},
        {"seat_ids": {"a": 1}}, {"seat_ids": list(range(1, 200))}, {"event_id": 1}, {"quantity": 2}, {"section": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_reservation_with_a_wrong_field_is_400_and_names_it(
    event: Event, api: Client, change: dict[str, Any]
) -> None:
    answer = post(api, "/api/reservations", {"seat_ids": seat_ids(event, "A-1"), "rut": 1} | change)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["fields"]
    assert statuses(event, "A-1") == ["available"]


@pytest.mark.parametrize(
    "body", [{"event_id": 1}, {"quantity": 1}, {"event_id": 1, "quantity": 0}, {"section": "Platea"}, {}]
)
def test_half_a_wish_for_the_best_seats_is_400(event: Event, api: Client, body: dict[str, Any]) -> None:
    assert post(api, "/api/reservations", {"rut": 1} | body).status_code == 400


def test_a_reservation_shows_all_its_seats(event: Event, api: Client) -> None:
    ids = seat_ids(event, "A-1", "B-2")
    answer = post(
        api, "/api/reservations", {"seat_ids": ids, "rut": 12_345_678, "name": "Ana", "email": "ana@example.cl"}
    )
    body = answer.json()
    assert answer.status_code == 201
    assert (body["status"], body["total"], body["rut"]) == ("held", 20_000, 12_345_678)
    assert body["event"]["venue"] == event.venue.name
    assert body["event"]["date"] == body["event"]["date"][:16]
    assert body["seats"][1] == {
        "seat_id": ids[1],
        "seat_number": "B-2",
        "section": "Platea",
        "row": "B",
        "number": 2,
        "price": 10_000,
        "ticket_id": body["seats"][1]["ticket_id"],
        "status": "held",
    }
    assert api.get(f"/api/reservations/{body['code']}").json() == body
    assert "ana@example.cl" not in json.dumps(body)


def test_lost_seats_are_named_in_the_answer(event: Event, api: Client) -> None:
    hold(event, "A-2")
    answer = post(api, "/api/reservations", {"seat_ids": seat_ids(event, "A-1", "A-2"), "rut": 2})
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "Asiento no disponible: A-2",
        "code": "seats_taken",
        "taken": [{"seat_id": seat_ids(event, "A-2")[0], "seat_number": "A-2", "status": "reserved"}],
    }


def test_the_best_seats_of_a_section(event: Event, api: Client) -> None:
    body = {"event_id": event.id, "quantity": 3, "section": "Platea", "rut": 5}
    seats = post(api, "/api/reservations", body).json()["seats"]
    assert len({seat["row"] for seat in seats}) == 1
    assert [seat["number"] for seat in seats] == list(range(seats[0]["number"], seats[0]["number"] + 3))
    for wrong in ({"section": "Palco"}, {"section": 10**30}, {"event_id": 10**30}, {"event_id": event.id + 1}):
        assert post(api, "/api/reservations", body | wrong).status_code == 404
    answer = post(api, "/api/reservations", body | {"quantity": 10, "rut": 6})
    assert answer.status_code == 201
    assert post(api, "/api/reservations", body | {"quantity": 50, "rut": 7}).json()["code"] == "too_many_seats"


def test_the_same_key_and_body_get_the_same_answer(event: Event, api: Client) -> None:
    body = {"seat_ids": seat_ids(event, "A-1"), "rut": 1}
    key = {"Idempotency-Key": "abc"}
    first = post(api, "/api/reservations", body, **key)
    again = post(api, "/api/reservations", body, **key)
    assert (again.status_code, again.json()) == (201, first.json())
    other = post(api, "/api/reservations", body | {"rut": 2}, **key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")


def test_the_old_call_knows_keys_too(event: Event, api: Client) -> None:
    (seat,) = seat_ids(event, "A-1")
    key = {"Idempotency-Key": "abc"}
    first = reserve(api, seat, **key)
    assert reserve(api, seat, **key).json() == first.json()
    assert reserve(api, seat).status_code == 409


@pytest.mark.parametrize("key", ["x" * 181, "tab\tin it"])
def test_a_key_that_cannot_be_kept_is_400(event: Event, api: Client, key: str) -> None:
    answer = reserve(api, seat_ids(event, "A-1")[0], **{"Idempotency-Key": key})
    assert answer.status_code == 400


def test_behind_our_proxy_its_request_id_is_the_key(event: Event, api: Client, settings: Any) -> None:
    (seat,) = seat_ids(event, "A-1")
    request_id = {"X-Request-ID": "0123456789abcdef"}
    settings.BEHIND_PROXY = True
    first = reserve(api, seat, **request_id)
    assert reserve(api, seat, **request_id).json() == first.json()
    # A client's own key of the same text is another key.
    assert reserve(api, seat, **{"Idempotency-Key": "0123456789abcdef"}).status_code == 409


def test_without_a_proxy_nobody_listens_to_a_request_id(event: Event, api: Client) -> None:
    (seat,) = seat_ids(event, "A-1")
    assert reserve(api, seat, **{"X-Request-ID": "1"}).status_code == 200
    assert reserve(api, seat, **{"X-Request-ID": "1"}).status_code == 409


def test_a_code_is_found_as_people_type_it(event: Event, api: Client) -> None:
    code = hold(event, "A-1").reservation.code
    for typed in (
        code.lower(),
        code.replace("-", ""),
        f" {code} ",
        code[:3] + code[3:].replace("0", "O").replace("1", "l"),
    ):
        assert api.get(f"/api/reservations/{typed}").json()["code"] == code


@pytest.mark.parametrize("code", ["TF-0000-0000-0000", "x", "%00", "ñandú", "TF" * 400])
def test_an_unknown_code_is_404(db: None, api: Client, code: str) -> None:
    for answer in (api.get(f"/api/reservations/{code}"), api.delete(f"/api/reservations/{code}")):
        assert (answer.status_code, answer.json()["error"]) == (404, "Reserva no encontrada")


def test_a_cancellation_is_accepted_and_the_seat_waits_for_billing(event: Event, api: Client) -> None:
    code = hold(event, "A-1").reservation.code
    for _time in range(2):
        answer = api.delete(f"/api/reservations/{code}")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    assert statuses(event, "A-1") == ["reserved"]


def test_what_is_paid_cannot_be_cancelled_here(event: Event, api: Client) -> None:
    held = hold(event, "A-1")
    apply_ticket_states([TicketState(id=held.lines[0].ticket_id, status="PAID", generation=1, n=1)])
    answer = api.delete(f"/api/reservations/{held.reservation.code}")
    assert (answer.status_code, answer.json()) == (409, {"error": "La reserva ya está pagada", "code": "paid"})


def test_addresses_that_do_not_exist_answer_json(db: None, api: Client) -> None:
    for method in ("get", "post", "put", "delete"):
        answer = getattr(api, method)("/api/no/such")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api.put("/api/reserve").json()["code"] == "method_not_allowed"


def test_a_forged_service_credential_is_401(db: None, api: Client) -> None:
    answer = api.get("/api/events", headers={"Authorization": "Service forged"})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_an_event_of_another_day_is_closed_with_a_sentence(api: Client, db: None) -> None:
    event = make_event(status=Event.Status.CANCELLED)
    answer = post(api, "/api/reservations", {"seat_ids": seat_ids(event, "A-1"), "rut": 2})
    assert (answer.status_code, answer.json()) == (
        409,
        {"error": "La venta está cerrada: Concierto", "code": "sales_closed"},
    )


def test_the_worker_brings_states_and_receipts(event: Event, worker: Client, portal: Client) -> None:
    held = hold(event, "A-1")
    state = {"id": held.lines[0].ticket_id, "status": "PAID", "generation": 1, "n": 1}
    message = {
        "id": "7b0f3f8e-6f0e-4a53-9f0f-0f1d6f7a9c11",
        "type": "ticket.status",
        "order": "TF-X",
        "tickets": [state],
    }
    answer = post(worker, "/api/internal/messages", {"messages": [message, {"id": "bad"}]})
    assert [found["result"] for found in answer.json()["answers"]] == ["done", "rejected"]
    assert statuses(event, "A-1") == ["sold"]
    assert post(portal, "/api/internal/messages", {"messages": []}).status_code == 403
