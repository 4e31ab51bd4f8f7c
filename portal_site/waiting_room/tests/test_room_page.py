"""The waiting room's page: the place, the door, the cookies."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from portal_site.clients.tests.fakes import ZONE, Sites
from portal_site.waiting_room import rooms, views

pytestmark = pytest.mark.django_db
PAGE, STATE, EVENT = "/evento/1/sala", "/evento/1/sala.json", "/evento/1"
BUYER = {"rut": "12.345.678-5", "name": "Ana", "email": "ana@example.cl"}


@pytest.fixture(autouse=True)
def _always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(rooms, "NONE_KEPT_SECONDS", 0.0)


@pytest.fixture
def room(sites: Sites) -> dict[str, Any]:
    return sites.add_room(1)


def text(client: Client, path: str = PAGE) -> str:
    return re.sub(r"\s+", " ", client.get(path).content.decode())


def refresh(html: str) -> int | None:
    found = re.search(r'<noscript><meta http-equiv="refresh" content="(\d+)">', html)
    return int(found[1]) if found else None


def calls(sites: Sites) -> list[str]:
    return [call.path for call in sites.calls if call.path.endswith("/room/places")]


def test_the_event_leads_to_its_room_and_an_event_without_one_is_as_ever(client: Client, room: dict[str, Any]) -> None:
    assert client.get(EVENT)["Location"] == PAGE
    assert client.post(EVENT, {"seat": "10001"} | BUYER)["Location"] == PAGE
    rooms.forget()
    room["state"] = "over"
    assert client.get(EVENT).status_code == 200


def test_without_a_room_its_page_leads_to_the_event(client: Client) -> None:
    assert client.get(PAGE)["Location"] == EVENT
    assert client.get("/evento/99/sala").status_code == 404
    assert client.get(STATE).json() == {"state": "none"}


def test_looking_at_the_page_is_not_standing_in_line(client: Client, room: dict[str, Any], sites: Sites) -> None:
    html = text(client)
    assert "Ponerme en la fila" in html
    assert refresh(html) is None
    assert not calls(sites)


def test_when_the_answer_to_joining_is_lost_one_joins_again_as_the_same_browser(
    client: Client, room: dict[str, Any], sites: Sites
) -> None:
    client.get(PAGE)
    client.post(PAGE)
    del client.cookies["portal_room_1"]
    client.get(PAGE)
    client.post(PAGE)
    first, second = (call.body["browser"] for call in sites.calls if call.path.endswith("/room/places"))
    assert first == second


def test_before_the_opening_one_waits_without_a_number(client: Client, room: dict[str, Any], sites: Sites) -> None:
    room |= {"state": "before", "opens_at": (datetime.now(ZONE) + timedelta(hours=2)).isoformat()}
    assert "llegar antes no da ventaja" in text(client)
    assert client.post(PAGE)["Location"] == PAGE
    html = text(client)
    assert "se sortean los lugares" in html
    assert refresh(html) == 60
    assert len(calls(sites)) == 1, "while nothing is known, nothing is asked"


def test_after_the_opening_the_page_shows_place_and_estimate_and_asks_only_once(
    client: Client, room: dict[str, Any], sites: Sites
) -> None:
    room |= {"last": 619, "door": 20}
    client.post(PAGE)
    for _reload in range(3):
        html = text(client)
    assert "<b data-place>600</b>" in html
    assert "599 personas antes que tú" in html
    assert "unos 10 minutos" in html
    assert "puede que se agoten antes de tu turno" in html
    assert refresh(html) == 90
    assert len(calls(sites)) == 1
    room["door"] = 619
    html = text(client)
    assert "Eres la próxima persona en entrar" in html
    assert "menos de 2 minutos" in html
    assert refresh(html) == 6


def test_the_turn_leads_in_by_itself_and_the_reservation_carries_the_pass(
    client: Client, room: dict[str, Any], sites: Sites
) -> None:
    client.post(PAGE)
    room["door"] = 1
    assert client.get(PAGE)["Location"] == EVENT
    html = text(client, EVENT)
    assert "Es tu turno: puedes reservar hasta las" in html
    nonce = re.search(r'name="nonce" value="(\w+)"', html)
    answer = client.post(EVENT, {"seat": "10001", "nonce": nonce[1]} | BUYER)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/orden/")
    sent = [call for call in sites.calls if call.path == "/api/reservations"][-1]
    assert re.fullmatch(r"pass-1 [0-9a-f]{32}", sent.headers["x-admission"])
    reads = [call for call in sites.calls if call.path != "/api/reservations"]
    assert not any("x-admission" in call.headers for call in reads)


def test_a_turn_that_ended_is_told_and_the_line_is_open_again(
    client: Client, room: dict[str, Any], sites: Sites
) -> None:
    client.post(PAGE)
    room["door"] = 1
    client.get(PAGE)
    over = {"error": "Este turno ya se usó", "code": "admission_used"}
    sites.scripted["POST", "/api/reservations"] = (403, over)
    assert client.post(EVENT, {"seat": "10001"} | BUYER)["Location"] == PAGE
    sites.scripted["POST", "/room/places"] = (
        200,
        {"status": "over", "number": 1, "uses_left": 0, "expires_at": datetime.now(ZONE).isoformat(), "pass": None},
    )
    html = text(client)
    assert "Tu turno terminó" in html
    assert "Ponerme otra vez en la fila" in html
    assert client.get(EVENT)["Location"] == PAGE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "paused"}, "está en pausa por un momento. Tu lugar"),
        ({"sold_out": True}, "no quedan asientos libres"),
    ],
)
def test_while_nobody_is_let_in_the_page_says_why_and_promises_no_time(
    client: Client, room: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    room |= {"last": 50}
    client.post(PAGE)
    room |= change
    html = text(client)
    assert words in html
    assert "<p data-estimate-line hidden>" in html


def test_a_cookie_of_another_browser_or_of_ones_own_making_is_no_place(client: Client, room: dict[str, Any]) -> None:
    client.post(PAGE)
    room["door"] = 1
    client.get(PAGE)
    assert client.get(EVENT).status_code == 200
    thief = Client()
    thief.cookies["portal_room_1"] = client.cookies["portal_room_1"].value
    assert thief.get(EVENT)["Location"] == PAGE
    thief.cookies["portal_browser"] = "A" * 32
    assert thief.get(EVENT)["Location"] == PAGE
    value = client.cookies["portal_room_1"].value
    client.cookies["portal_room_1"] = ("A" if value[0] != "A" else "B") + value[1:]
    assert client.get(EVENT)["Location"] == PAGE


def test_the_cookies_are_for_the_server_alone(client: Client, room: dict[str, Any], settings: Any) -> None:
    settings.HTTPS = True
    cookies = client.post(PAGE).cookies
    for name in ("portal_browser", "portal_room_1"):
        assert cookies[name]["httponly"]
        assert cookies[name]["secure"]
        assert cookies[name]["samesite"] == "Lax"


def test_joining_needs_the_form_of_the_page(room: dict[str, Any]) -> None:
    assert Client(enforce_csrf_checks=True).post(PAGE).status_code == 403


def test_the_same_browser_keeps_its_place_when_the_other_cookie_is_lost(
    client: Client, room: dict[str, Any], sites: Sites
) -> None:
    room["last"] = 7
    client.post(PAGE)
    text(client)
    del client.cookies["portal_room_1"]
    client.post(PAGE)
    assert "<b data-place>8</b>" in text(client)
    assert list(sites.line.values()) == [8]


def test_the_counters_are_asked_for_once_a_second_and_anybody_may_keep_them(
    client: Client, room: dict[str, Any], sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "KEPT_SECONDS", 60.0)
    for _poll in range(10):
        answer = client.get(STATE)
    assert len([call for call in sites.calls if call.path.endswith("/room")]) == 1
    assert answer["Cache-Control"] == "public, max-age=1"
    assert "Cookie" not in answer.get("Vary", "")
    assert not answer.cookies
    assert answer.json()["door"] == 0


def test_while_the_other_site_is_down_the_place_is_still_shown(
    client: Client, room: dict[str, Any], sites: Sites
) -> None:
    room["last"] = 41
    client.post(PAGE)
    text(client)
    sites.down.add("reservations")
    assert "<b data-place>42</b>" in text(client)
    assert client.get(STATE).status_code == 200
    rooms.forget()
    assert client.get(STATE).status_code == 503


def test_in_a_frame_of_another_site_it_leads_to_a_tab_of_its_own(client: Client, room: dict[str, Any]) -> None:
    response = client.get("/embed/1/?lang=en")
    html = response.content.decode()
    assert not response.cookies
    assert 'href="/evento/1/sala" target="_blank"' in html
    assert "Go to the waiting room" in html
    assert "reserve-form" not in html


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "menos de 2"),
        (3.2, "unos 3 minutos"),
        (47, "unos 45 minutos"),
        (89, "unos 90"),
        (100, "2 horas"),
        (60_000, "1000 horas"),
    ],
)
def test_an_estimate_is_not_more_exact_than_it_is(minutes: float, words: str) -> None:
    assert words in views.estimate(minutes)
