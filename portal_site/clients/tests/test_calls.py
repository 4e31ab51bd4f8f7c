"""Calls to the other sites: what they carry, and the two kinds of failure."""

from collections.abc import Iterator

import pytest
import requests

from portal_site.clients.billing import billing
from portal_site.clients.calls import TIME_OUTS_TO_PAUSE, Refused, SignedOut, Unavailable, Visitor
from portal_site.clients.reservations import reservations, whole_pesos
from portal_site.clients.tests.fakes import Sites

VISITOR = Visitor(address="10.0.0.7", language="es-cl")


def test_a_call_carries_credential_address_and_language(sites: Sites) -> None:
    reservations().room(1, VISITOR)
    headers = sites.calls[-1].headers
    assert headers["authorization"].startswith("Service ")
    assert headers["x-forwarded-for"] == "10.0.0.7"
    assert headers["accept-language"] == "es-cl"


def test_events_are_asked_for_unsigned_so_that_nginx_may_answer_and_maps_exact(sites: Sites) -> None:
    site = reservations()
    assert all([site.events(VISITOR), site.event(1, VISITOR), site.seats(1, VISITOR), site.seat_states(1, VISITOR)])
    assert ["authorization" in call.headers for call in sites.calls] == [False, False, True, True]


def test_a_cookie_of_one_answer_goes_out_with_no_other_call(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sites, "on_reservations", lambda self, call: (200, {"events": []}, {"Set-Cookie": "a=b"}))
    reservations().events(VISITOR)
    reservations().events(VISITOR)
    assert "cookie" not in sites.calls[-1].headers


def test_a_refusal_keeps_code_sentence_and_fields(sites: Sites) -> None:
    sites.take(10001)
    with pytest.raises(Refused) as caught:
        reservations().reserve_seats(seat_ids=[10001], buyer={"rut": 1}, key="k", visitor=VISITOR)
    assert caught.value.code == "seats_taken"
    assert caught.value.fields["taken"][0]["seat_number"] == "PL-A1"


@pytest.fixture
def hung(sites: Sites) -> Iterator[list[str]]:
    """Reservations accepts and never answers; the calls that were tried."""
    tried: list[str] = []

    def never(method: str, *arguments: object, **named: object) -> None:
        tried.append(method)
        raise requests.ReadTimeout

    session = reservations().site._session
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "request", never)
        yield tried


def test_a_site_that_hangs_is_left_alone_for_a_while(hung: list[str]) -> None:
    for _turn in range(TIME_OUTS_TO_PAUSE + 5):
        with pytest.raises(Unavailable):
            reservations().events(VISITOR)
    assert len(hung) == TIME_OUTS_TO_PAUSE


def test_a_write_is_tried_even_while_reads_are_paused(hung: list[str]) -> None:
    for _turn in range(TIME_OUTS_TO_PAUSE + 1):
        with pytest.raises(Unavailable):
            reservations().events(VISITOR)
    with pytest.raises(Unavailable):
        reservations().reserve_seats(seat_ids=[10001], buyer={"rut": 1}, key="k", visitor=VISITOR)
    assert hung[-1] == "POST"


def test_a_site_that_answers_503_is_asked_again_at_once(sites: Sites) -> None:
    sites.down.add("reservations")
    for _turn in range(TIME_OUTS_TO_PAUSE + 1):
        with pytest.raises(Unavailable):
            reservations().events(VISITOR)
    sites.down.clear()
    assert reservations().events(VISITOR)


def test_a_token_that_ran_out_is_told_apart_from_our_own_credential(sites: Sites) -> None:
    with pytest.raises(SignedOut):
        billing().tickets(Visitor(token="old"))
    sites.scripted["GET", "/api/orders"] = (401, {"error": "no", "code": "not_authenticated"})
    with pytest.raises(Unavailable):
        billing().order("TF-1", VISITOR)


def test_an_order_is_asked_for_by_its_code_alone_whoever_is_logged_in(sites: Sites) -> None:
    billing().order("TF-1", Visitor(token="somebody"))
    assert "Bearer" not in str(sites.calls[-1].headers)


@pytest.mark.parametrize("value", [5000, "5000", "5000.00", 5000.0])
def test_money_is_whole_pesos_however_it_is_written(value: object) -> None:
    assert whole_pesos(value) == 5000
