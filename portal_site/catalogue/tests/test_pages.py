"""The list of events, the seat map, and reserving from it."""

import gzip
import json
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django.fixtures import Settings

from portal_site.catalogue.models import Snapshot
from portal_site.clients.tests.fakes import Sites

pytestmark = pytest.mark.django_db
BUYER = {"rut": "12.345.678-5", "name": "Ana Pérez", "email": "ana@example.cl"}


def nonce_in(html: str) -> str:
    found = re.search(r'name="nonce" value="(\w+)"', html)
    assert found
    return found[1]


def test_events_show_date_venue_free_seats_and_lowest_price(client: Client, sites: Sites) -> None:
    sites.take(10001)
    html = client.get("/").content.decode()
    assert "Concierto" in html
    assert "Teatro Municipal" in html
    assert "69 asientos libres" in html
    assert "$10.000" in html
    assert 'href="/evento/1"' in html
    assert '<html lang="es-CL">' in html


def test_an_event_has_one_checkbox_a_seat_and_taken_ones_cannot_be_ticked(client: Client, sites: Sites) -> None:
    sites.take(10003)
    html = client.get("/evento/1?plain=1").content.decode()
    assert len(re.findall(r'<input type="checkbox" name="seat"', html)) == 70
    free = re.search(r'<input[^>]*value="10001"[^>]*>', html)
    taken = re.search(r'<input[^>]*value="10003"[^>]*>', html)
    assert free
    assert taken
    assert "disabled" not in free[0]
    assert "disabled" in taken[0]
    assert 'aria-label="Platea, fila A, asiento 1, $25.000, libre"' in free[0]
    assert 'aria-label="Platea, fila A, asiento 3, $25.000, ocupado"' in taken[0]


def test_names_from_outside_are_escaped_in_the_map(client: Client, sites: Sites) -> None:
    sites.sections[1][0]["name"] = '<script>alert("x")</script>'
    sites.seats[1][0]["seat_number"] = '"><b>'
    html = client.get("/evento/1").content.decode()
    assert "<script>alert" not in html
    assert '"><b>' not in html


def test_the_page_needs_neither_inline_script_nor_style_attributes(client: Client) -> None:
    response = client.get("/evento/1")
    html, policy = response.content.decode(), response["Content-Security-Policy"]
    assert " style=" not in html
    assert not re.search(r"<script(?![^>]*src=)", html)
    assert "unsafe-inline" not in policy
    nonce = re.search(r'<style nonce="([^"]+)">', html)
    assert nonce
    assert f"'nonce-{nonce[1]}'" in policy


def test_reserving_leads_to_the_order_and_sends_the_rut_without_its_digit(client: Client, sites: Sites) -> None:
    nonce = nonce_in(client.get("/evento/1").content.decode())
    response = client.post("/evento/1", {**BUYER, "nonce": nonce, "seat": ["10001", "10002"]}, REMOTE_ADDR="10.1.2.3")
    (code,) = sites.reservations
    assert response.status_code == 302
    assert response["Location"] == f"/orden/{code}"
    call = sites.calls[-1]
    assert call.body == {"seat_ids": [10001, 10002], "rut": 12345678, "name": "Ana Pérez", "email": "ana@example.cl"}
    assert call.headers["x-forwarded-for"] == "10.1.2.3"


def test_the_best_seats_are_asked_for_by_quantity_and_section(client: Client, sites: Sites) -> None:
    client.post("/evento/1", {**BUYER, "how": "best", "quantity": "3", "section": "11"})
    assert sites.calls[-1].body["quantity"] == 3
    assert sites.calls[-1].body["section"] == 11
    assert "seat_ids" not in sites.calls[-1].body


def test_sending_the_same_form_twice_sends_the_same_key_and_makes_one_reservation(client: Client, sites: Sites) -> None:
    nonce = nonce_in(client.get("/evento/1").content.decode())
    form = {**BUYER, "nonce": nonce, "seat": ["10001"]}
    first, second = client.post("/evento/1", form), client.post("/evento/1", form)
    keys = [call.headers["idempotency-key"] for call in sites.calls if call.method == "POST"]
    assert keys[0] == keys[1]
    assert first["Location"] == second["Location"]
    assert len(sites.reservations) == 1


def test_another_choice_in_the_same_form_sends_another_key(client: Client, sites: Sites) -> None:
    nonce = nonce_in(client.get("/evento/1").content.decode())
    client.post("/evento/1", {**BUYER, "nonce": nonce, "seat": ["10001"]})
    client.post("/evento/1", {**BUYER, "nonce": nonce, "seat": ["10002"]})
    keys = {call.headers["idempotency-key"] for call in sites.calls if call.method == "POST"}
    assert len(keys) == 2


def test_the_same_form_after_its_hold_was_cancelled_makes_a_new_hold(client: Client, sites: Sites) -> None:
    form = {**BUYER, "nonce": "a" * 32, "seat": ["10001"]}
    first = client.post("/evento/1", form)["Location"]
    sites.end(first.removeprefix("/orden/"))
    second = client.post("/evento/1", form)["Location"]
    assert second != first
    assert sites.reservations[second.removeprefix("/orden/")]["status"] == "held"


@pytest.mark.parametrize("rut", ["12.345.678-9", "12345678", "abc", "0-0", "123.456.789-2", "１２３４５６７８-5"])
def test_a_wrong_rut_is_named_and_nothing_is_reserved(client: Client, sites: Sites, rut: str) -> None:
    response = client.post("/evento/1", {**BUYER, "rut": rut, "seat": ["10001"], "plain": "1"})
    html = response.content.decode()
    assert response.status_code == 400
    assert "Este RUT no es válido" in html
    field = re.search(r'<input[^>]*name="rut"[^>]*>', html)
    assert field
    assert "autofocus" in field[0]
    assert 'aria-invalid="true"' in field[0]
    assert "id_rut_error" in field[0]
    assert not sites.reservations
    seat = re.search(r'<input[^>]*value="10001"[^>]*>', html)
    assert seat
    assert "checked" in seat[0]


@pytest.mark.parametrize("rut", ["12.345.678-5", "12345678-5", "123456785", " 12 345 678 - 5 "])
def test_a_rut_may_be_typed_with_or_without_dots_and_dash(client: Client, sites: Sites, rut: str) -> None:
    assert client.post("/evento/1", {**BUYER, "rut": rut, "seat": ["10001"]}).status_code == 302
    assert sites.calls[-1].body["rut"] == 12345678


def test_a_lost_seat_is_named_and_the_others_stay_chosen(client: Client, sites: Sites) -> None:
    sites.take(10002)
    response = client.post("/evento/1", {**BUYER, "seat": ["10001", "10002", "10003"], "plain": "1"})
    html = response.content.decode()
    assert response.status_code == 409
    assert "El asiento PL-A2 ya no está libre" in html
    checked = re.findall(r'value="(\d+)" checked class', html)
    assert checked == ["10001", "10003"]
    assert "$50.000" in html


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Elige al menos un asiento"),
        ({"seat": [str(10001 + n) for n in range(11)]}, "hasta 10 asientos"),
        ({"how": "best", "quantity": "0"}, "de 1 a 10"),
        ({"how": "best", "quantity": "999"}, "de 1 a 10"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_before_asking(
    client: Client, sites: Sites, form: dict[str, object], said: str
) -> None:
    response = client.post("/evento/1", {**BUYER, **form})
    assert response.status_code == 400
    assert said in response.content.decode()
    assert not any(call.method == "POST" for call in sites.calls)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (409, "hold_limit", "varios asientos sin pagar"),
        (409, "sales_closed", "La venta de este evento está cerrada"),
        (409, "not_enough_seats", "No quedan tantos asientos"),
        (422, "idempotency_conflict", "otra frase"),
    ],
)
def test_refusals_are_told_in_plain_words(client: Client, sites: Sites, status: int, code: str, said: str) -> None:
    sites.scripted["POST", "/api/reservations"] = (status, {"error": "otra frase", "code": code})
    response = client.post("/evento/1", {**BUYER, "seat": ["10001"]})
    assert response.status_code == 409
    assert said in response.content.decode()


@pytest.mark.parametrize("junk", [{"seat": ["x", "-1", "9" * 40]}, {"nonce": "<b>", "section": "²", "quantity": "٣"}])
def test_tampered_fields_are_ignored(client: Client, junk: dict[str, object]) -> None:
    assert client.post("/evento/1", {**BUYER, **junk}).status_code == 400


def test_an_unknown_event_is_a_friendly_404(client: Client) -> None:
    response = client.get("/evento/999")
    assert response.status_code == 404
    assert "No encontramos esta página" in response.content.decode()


def test_an_open_map_is_told_only_what_changed_and_304_while_nothing_did(client: Client, sites: Sites) -> None:
    sites.take(10002, 10003)
    first = client.get("/evento/1/asientos.json")
    told = json.loads(first.content)
    assert told["states"] == "arr" + "a" * 67
    where, known = f"/evento/1/asientos.json?since={told['version']}", {"If-None-Match": first["ETag"]}
    assert client.get(where, headers=known).status_code == 304
    sites.take(10004)
    sites.take(10003, status="available")
    again = client.get(where, headers=known)
    assert json.loads(again.content)["changes"] == {"a": [2], "r": [3]}
    assert again["ETag"] != first["ETag"]


def test_a_map_whose_version_nobody_remembers_gets_all_states(client: Client) -> None:
    told = json.loads(client.get("/evento/1/asientos.json?since=of-yesterday").content)
    assert told["states"] == "a" * 70


def test_many_open_maps_ask_reservations_once(client: Client, sites: Sites, settings: Settings) -> None:
    settings.SEAT_STATES_SECONDS = 60
    for _map in range(5):
        assert client.get("/evento/1/asientos.json").status_code == 200
    assert sum(call.path.endswith("/states") for call in sites.calls) == 1


def test_a_browser_keeps_the_plan_under_its_version(client: Client) -> None:
    found = re.search(r'data-plan-url="([^"]+)"', client.get("/evento/1").content.decode())
    assert found
    plan = client.get(found[1])
    assert "immutable" in plan["Cache-Control"]
    assert "immutable" not in client.get("/evento/1/plano.json?v=older")["Cache-Control"]
    front = json.loads(plan.content)["sections"][0]["rows"][0]
    assert (front["row"], front["names"], front["ids"]) == ("A", "PL-A", [10001] + [1] * 9)


def test_without_javascript_a_single_seat_left_alone_is_asked_about_once(client: Client, sites: Sites) -> None:
    form = {**BUYER, "seat": ["10002"], "warn": "1"}
    asked = client.post("/evento/1", form)
    assert asked.status_code == 200
    assert "PL-A1" in asked.content.decode().partition('id="alone-asked"')[2][:300]
    assert not sites.reservations
    assert client.post("/evento/1", {**form, "warned": "1"}).status_code == 302


def test_a_choice_that_leaves_nobody_alone_is_not_asked_about(client: Client) -> None:
    assert client.post("/evento/1", {**BUYER, "seat": ["10001", "10002"], "warn": "1"}).status_code == 302


def test_the_loser_of_a_race_takes_the_nearest_seats_with_one_click(client: Client, sites: Sites) -> None:
    sites.take(10002)
    html = client.post("/evento/1", {**BUYER, "seat": ["10001", "10002"]}).content.decode()
    offered = re.findall(r'name="instead" value="([\d ]+)"', html)
    assert offered[0] == "10001 10003"
    assert client.post("/evento/1", {**BUYER, "seat": ["10001"], "instead": offered[0]}).status_code == 302
    assert sites.calls[-1].body["seat_ids"] == [10001, 10003]


def test_a_link_to_seats_that_are_gone_names_them_and_keeps_the_others(client: Client, sites: Sites) -> None:
    sites.take(10002)
    html = client.get("/evento/1?seat=10001&seat=10002").content.decode()
    assert "El asiento PL-A2 ya no está libre" in html
    assert 'data-chosen="10001 "' in html


def test_without_javascript_a_large_house_is_shown_a_section_at_a_time(client: Client, sites: Sites) -> None:
    sites.add_event(7, "Estadio", sections=[("Norte", 9000, 40, 50), ("Sur", 8000, 40, 50)])
    boxes = r'<input type="checkbox" name="seat"'
    html = client.get("/evento/7?plain=1").content.decode()
    assert len(re.findall(boxes, html)) == 2000
    html = client.post("/evento/7", {**BUYER, "seat": ["70001"], "show": "71", "plain": "1"}).content.decode()
    assert len(re.findall(boxes, html)) == 2001
    assert 'value="70001" checked' in html
    assert 'value="Ana Pérez"' in html
    assert not sites.reservations


def test_an_unchanged_plan_is_not_sent_again_by_reservations(client: Client, sites: Sites) -> None:
    client.get("/evento/1")
    client.get("/evento/1")
    asked = [call.headers.get("if-none-match") for call in sites.calls if call.path.endswith("/seats")]
    assert asked[0] is None
    assert asked[1]


def test_the_last_known_events_are_shown_with_their_age_while_reservations_is_down(
    client: Client, sites: Sites
) -> None:
    client.get("/")
    sites.down.add("reservations")
    response = client.get("/")
    html = response.content.decode()
    assert response.status_code == 200
    assert "Concierto" in html
    assert "data-stale" in html


def test_an_event_is_shown_without_its_map_while_reservations_is_down(client: Client, sites: Sites) -> None:
    client.get("/")
    sites.down.add("reservations")
    response = client.get("/evento/1")
    assert response.status_code == 503
    assert "El plano no está disponible" in response.content.decode()


def test_without_any_memory_the_list_says_so_in_a_friendly_way(client: Client, sites: Sites) -> None:
    sites.down.add("reservations")
    response = client.get("/")
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "Estamos con problemas" in response.content.decode()


def test_reserving_while_reservations_is_down_keeps_the_form_and_its_key(client: Client, sites: Sites) -> None:
    client.get("/evento/1")
    sites.down.add("reservations")
    response = client.post("/evento/1", {**BUYER, "nonce": "a" * 32, "seat": ["10001"]})
    assert response.status_code == 503
    assert "no se apartan dos veces" in response.content.decode()


def test_seats_are_reserved_while_billing_is_down(client: Client, sites: Sites) -> None:
    sites.down.add("billing")
    assert client.post("/evento/1", {**BUYER, "seat": ["10001"]}).status_code == 302


@pytest.mark.parametrize("data", [[{"id": 1}], "no list", {"x": 1}])
def test_a_memory_of_another_version_is_no_500(client: Client, sites: Sites, data: object) -> None:
    client.get("/")
    Snapshot.objects.update(data=data)
    sites.down.add("reservations")
    assert client.get("/").status_code == 503
    assert client.get("/evento/1").status_code == 503


@pytest.mark.parametrize("answer", [(200, {"surprise": True}), (200, []), (200, b"<html>"), (302, {}), (418, {})])
def test_strange_answers_of_reservations_are_no_500(client: Client, sites: Sites, answer: tuple[int, object]) -> None:
    sites.scripted["GET", "/api/events"] = answer
    assert client.get("/").status_code in (409, 503)
    assert client.get("/evento/1").status_code in (409, 503)


def test_english_is_a_choice_that_is_remembered(client: Client) -> None:
    response = client.post("/idioma/setlang/", {"language": "en", "next": "/"})
    assert response["Location"] == "/"
    html = client.get("/").content.decode()
    assert '<html lang="en">' in html
    assert "My tickets" in html
    assert "Mis boletos" not in html


def test_spanish_is_shown_whatever_the_browser_prefers(client: Client) -> None:
    html = client.get("/", headers={"Accept-Language": "en-US,en"}).content.decode()
    assert "Mis boletos" in html


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "cancelled"}, "fue cancelado"),
        ({"sales_open_at": "2999-01-01T00:00:00Z"}, "La venta comienza el"),
        ({"sales_close_at": "2020-01-01T00:00:00Z"}, "La venta de este evento está cerrada"),
    ],
)
def test_an_event_that_is_not_on_sale_says_why_and_has_no_form(
    client: Client, sites: Sites, change: dict[str, str], said: str
) -> None:
    sites.events[1] |= change
    html = client.get("/evento/1").content.decode()
    assert said in html
    assert 'id="reserve"' not in html


def test_without_javascript_the_page_leads_on_to_its_checkboxes_and_nobody_else_loads_them(client: Client) -> None:
    html = client.get("/evento/1?seat=10001").content.decode()
    assert 'name="seat"' not in html
    assert '<noscript><meta http-equiv="refresh" content="0; url=?seat=10001&amp;plain=1"></noscript>' in html
    plain = client.get("/evento/1?seat=10001&plain=1").content.decode()
    assert "http-equiv" not in plain
    assert 'value="10001" checked' in plain
    # The form goes on so, also where it is shown again.
    assert '<input type="hidden" name="plain" value="1">' in plain
    again = client.post("/evento/1", {"seat": "10002", "plain": "1"}).content.decode()
    assert 'value="10002" checked' in again


@pytest.mark.parametrize(("rows", "seats", "limit"), [(40, 60, 45_000), (100, 200, 50_000)])
def test_all_that_a_telephone_loads_to_show_a_house_is_light(
    client: Client, sites: Sites, rows: int, seats: int, limit: int
) -> None:
    sites.add_event(2, "Estadio", sections=[("Platea", 25_000, rows, seats)])
    packed = {"Accept-Encoding": "gzip"}
    page = client.get("/evento/2", headers=packed)
    html = gzip.decompress(page.content).decode()
    plan = re.search(r'data-plan-url="([^"]+)"', html)
    assert plan
    loaded = [page.content]
    loaded += [client.get(path, headers=packed).content for path in (plan[1], "/evento/2/asientos.json")]
    names = {*re.findall(r'(?:src|href)="/static/(portal/[^"]+)"', html)}
    assert {"portal/seats.js", "portal/seats-view.js", "portal/portal.css", "portal/logo.svg"} <= names
    loaded += [gzip.compress(Path(str(finders.find(name))).read_bytes()) for name in names]
    assert sum(map(len, loaded)) < limit
