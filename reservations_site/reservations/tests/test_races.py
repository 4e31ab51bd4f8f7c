"""Races on the real PostgreSQL, each with its control: with the lock taken out, the same race is lost."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import connection
from django.test import Client

from middleware_worker.contract.drf import ApiError
from middleware_worker.contract.messages import TicketState
from middleware_worker.outbox.models import OutboxMessage
from reservations_site.events.models import Event, Seat
from reservations_site.events.tests.factories import hold, make_event, seat_ids, statuses
from reservations_site.reservations import endings, locks, services, states
from reservations_site.reservations.models import Line, Reservation
from reservations_site.reservations.services import reserve_best, reserve_seats
from reservations_site.reservations.states import apply_ticket_states
from reservations_site.reservations.tests.races import DEADLINE_SECONDS, barrier, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def event(transactional_db: None) -> Event:
    return make_event()


def without_locking_seats(monkeypatch: pytest.MonkeyPatch, clients: int) -> None:
    """Takes the lock on seats out; all clients read before any of them writes."""
    everyone_has_read = barrier(clients)

    def unlocked(ids: Iterable[int], *, skip_locked: bool = False) -> dict[int, str]:
        found = dict(Seat.objects.filter(id__in=list(ids)).order_by("id").values_list("id", "status"))
        everyone_has_read.wait()
        return found

    monkeypatch.setattr(locks, "seats", unlocked)


@contextmanager
def without_constraint(model: type, name: str) -> Iterator[None]:
    """Takes a unique constraint out, and empties what it would not accept before it is put back."""
    constraint = next(c for c in model._meta.constraints if c.name == name)
    with connection.schema_editor() as editor:
        editor.remove_constraint(model, constraint)
    try:
        yield
    finally:
        Line.objects.all().delete()
        for table in ("reservations_auditentry", "reservations_reservation"):
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {table}")
        with connection.schema_editor() as editor:
            editor.add_constraint(model, constraint)


def click(seat: int, rut: int) -> tuple[int, dict[str, str]]:
    body = json.dumps({"seat_id": seat, "user_id": rut})
    answer = Client(raise_request_exception=False).post("/api/reserve", body, content_type="application/json")
    return answer.status_code, answer.json()


def take(event: Event, *labels: str, rut: int, **options: str) -> str:
    """The code of the booking, or the word of the refusal."""
    try:
        return hold(event, *labels, rut=rut, **options).reservation.code
    except ApiError as refusal:
        return refusal.code


def race_for_one_seat(event: Event) -> Counter[int]:
    (seat,) = seat_ids(event, "A-1")
    return Counter(status for status, _body in together([partial(click, seat, rut) for rut in range(1, 11)]))


def test_of_ten_clients_on_one_seat_one_gets_it_and_nine_are_refused(event: Event, both_ways: str) -> None:
    (seat,) = seat_ids(event, "A-1")
    answers = together([partial(click, seat, rut) for rut in range(1, 11)])
    assert Counter(status for status, _body in answers) == {200: 1, 409: 9}
    refusals = [body for status, body in answers if status == 409]
    assert all(body["error"] == "Asiento no disponible" and body["status"] == "reserved" for body in refusals)
    assert Line.objects.count() == Reservation.objects.count() == OutboxMessage.objects.count() == 1


def test_control_without_the_lock_only_the_constraint_keeps_the_seat_from_being_sold_ten_times(
    event: Event, plainly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locking_seats(monkeypatch, clients=10)
    with without_constraint(Line, "one_live_line_a_seat"):
        assert race_for_one_seat(event) == {200: 10}


def test_the_constraint_alone_refuses_nine_of_ten_too(
    event: Event, plainly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locking_seats(monkeypatch, clients=10)
    assert race_for_one_seat(event) == {200: 1, 409: 9}
    assert Line.objects.count() == Reservation.objects.count() == OutboxMessage.objects.count() == 1


def test_fifty_clients_on_three_seats_in_any_order_give_one_winner_and_no_deadlock(
    event: Event, both_ways: str, caplog: pytest.LogCaptureFixture
) -> None:
    orders = [("A-1", "A-2", "A-3"), ("A-3", "A-2", "A-1"), ("A-2", "A-3", "A-1"), ("A-3", "A-1", "A-2")]
    calls = [partial(take, event, *orders[rut % 4], rut=rut) for rut in range(1, 51)]
    with caplog.at_level(logging.WARNING):
        answers = Counter(answer if answer == "seats_taken" else "won" for answer in together(calls))
    assert answers == {"won": 1, "seats_taken": 49}
    assert "run again" not in caplog.text
    assert statuses(event, "A-1", "A-2", "A-3", "A-4") == ["reserved"] * 3 + ["available"]


def test_control_seats_locked_in_the_order_of_the_request_deadlock(
    event: Event, plainly: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    both_hold_one = barrier(2)
    first_try = threading.local()

    def in_any_order(ids: Iterable[int], *, skip_locked: bool = False) -> dict[int, str]:
        mine = sorted(ids, reverse=threading.current_thread().ident in backwards)
        found = {}
        for seat in mine:
            rows = Seat.objects.filter(id=seat).order_by().select_for_update()
            found.update(rows.values_list("id", "status"))
            if not hasattr(first_try, "over"):
                first_try.over = True
                both_hold_one.wait()
        return found

    backwards: set[int | None] = set()

    def call(rut: int) -> str:
        if rut == 2:
            backwards.add(threading.current_thread().ident)
        return take(event, "A-1", "A-2", rut=rut)

    monkeypatch.setattr(locks, "seats", in_any_order)
    with caplog.at_level(logging.WARNING):
        together([partial(call, 1), partial(call, 2)])
    assert "deadlock detected" in caplog.text


def race_for_the_hold_limit(event: Event) -> Counter[str]:
    labels = ["A-1", "A-2", "A-3", "A-4", "A-5"]
    answers = together([partial(take, event, label, rut=7) for label in labels])
    return Counter("won" if answer.startswith("TF-") else answer for answer in answers)


def test_calls_at_once_cannot_pass_the_hold_limit_together(
    event: Event, both_ways: str, settings: pytest.FixtureRequest
) -> None:
    settings.HOLD_LIMIT = 2
    assert race_for_the_hold_limit(event) == {"won": 2, "hold_limit": 3}


def test_control_without_the_buyers_lock_they_all_fit(
    event: Event, plainly: None, settings: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HOLD_LIMIT = 2
    everyone_has_counted = barrier(5)
    lock_seats = locks.seats

    def after_all(ids: Iterable[int], *, skip_locked: bool = False) -> dict[int, str]:
        everyone_has_counted.wait()
        return lock_seats(ids, skip_locked=skip_locked)

    monkeypatch.setattr(locks, "buyer", lambda rut: None)
    monkeypatch.setattr(locks, "seats", after_all)
    assert race_for_the_hold_limit(event) == {"won": 5}


def best_with_key(event: Event) -> str:
    booking = reserve_best(event_id=event.id, quantity=2, rut=9, caller="public", idempotency_key="key:k", by="rut:9")
    return booking.reservation.code


def test_one_key_twice_at_once_makes_one_reservation_and_the_same_answer(event: Event) -> None:
    answers = together([partial(best_with_key, event)] * 6)
    assert len(set(answers)) == 1
    assert Reservation.objects.count() == OutboxMessage.objects.count() == 1


def meet_before_writing(monkeypatch: pytest.MonkeyPatch, clients: int) -> None:
    """Takes the buyer's lock out, and lets no client write before all have looked for the key."""
    everyone_has_looked = barrier(clients)
    once = threading.local()
    lock_seats = locks.seats

    def after_all(ids: Iterable[int], *, skip_locked: bool = False) -> dict[int, str]:
        if not hasattr(once, "over"):
            once.over = True
            everyone_has_looked.wait()
        return lock_seats(ids, skip_locked=skip_locked)

    monkeypatch.setattr(locks, "buyer", lambda rut: None)
    monkeypatch.setattr(locks, "seats", after_all)


def test_the_unique_key_alone_gives_both_the_same_answer(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    meet_before_writing(monkeypatch, clients=2)
    answers = together([partial(best_with_key, event)] * 2)
    assert len(set(answers)) == 1
    assert Reservation.objects.count() == 1


def test_control_without_the_buyers_lock_and_the_unique_key_it_makes_two(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def different_seats(free: list[services.Place], quantity: int) -> list[services.Place]:
        return free[:quantity] if threading.current_thread().name.endswith("_0") else free[-quantity:]

    meet_before_writing(monkeypatch, clients=2)
    monkeypatch.setattr(services, "best_available", different_seats)
    with without_constraint(Reservation, "idempotency_key_once_a_caller"):
        assert len(set(together([partial(best_with_key, event)] * 2))) == 2


def test_one_key_with_two_bodies_at_once_is_one_reservation_and_one_conflict(event: Event, both_ways: str) -> None:
    calls = [
        partial(take, event, "A-1", rut=1, idempotency_key="key:same"),
        partial(take, event, "B-1", rut=2, idempotency_key="key:same"),
    ]
    answers = together(calls)
    assert answers.count("idempotency_conflict") == 1
    assert Reservation.objects.count() == Line.objects.count() == 1


def test_best_available_for_many_at_once_gives_each_their_own_seats(event: Event) -> None:
    def best(rut: int) -> int:
        booking = reserve_best(event_id=event.id, quantity=2, rut=rut, caller="public", by=f"rut:{rut}")
        return len(booking.lines)

    assert together([partial(best, rut) for rut in range(1, 13)]) == [2] * 12
    assert Line.objects.values("seat").distinct().count() == 24


def race_of_two_asks(event: Event) -> int:
    reservation = hold(event, "A-1").reservation
    ask = partial(endings.ask_to_end, reservation=reservation, reason="cancelled_by_buyer", by="rut:1")
    together([ask, ask])
    return OutboxMessage.objects.filter(type="ticket.expire").count()


def test_two_cancellations_at_once_ask_billing_once(event: Event) -> None:
    assert race_of_two_asks(event) == 1


def test_control_without_the_reservations_lock_billing_is_asked_twice(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_read = barrier(2)

    def unlocked(ids: Iterable[int]) -> list[Reservation]:
        found = list(Reservation.objects.filter(id__in=list(ids)))
        both_have_read.wait()
        return found

    monkeypatch.setattr(locks, "reservations", unlocked)
    assert race_of_two_asks(event) == 2


def race_of_two_jobs(event: Event) -> int:
    for label in ("A-1", "A-2", "A-3"):
        hold(event, label, rut=int(label[-1]))
    Reservation.objects.update(expires_at="2020-01-01T00:00:00Z")
    together([endings.end_holds_that_ran_out] * 2)
    return OutboxMessage.objects.filter(type="ticket.expire").count()


def test_two_job_runners_ask_once_about_each_hold(event: Event) -> None:
    assert race_of_two_jobs(event) == 3


def test_control_without_the_lock_two_job_runners_ask_twice(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    both_have_read = barrier(2)

    def unlocked(*, now: object, limit: int) -> list[Reservation]:
        found = list(Reservation.objects.filter(asked_at=None, expires_at__lte=now))
        both_have_read.wait()
        return found

    monkeypatch.setattr(locks, "holds_that_ran_out", unlocked)
    assert race_of_two_jobs(event) == 6


def tell(ticket: str, status: str, n: int) -> None:
    apply_ticket_states([TicketState(id=ticket, status=status, generation=1, n=n)])


def test_the_newer_word_of_billing_stands_whichever_comes_first(event: Event) -> None:
    for label in ("A-1", "A-2", "A-3", "A-4", "B-1", "B-2"):
        ticket = hold(event, label, rut=seat_ids(event, label)[0]).lines[0].ticket_id
        together([partial(tell, ticket, "PAID", 1), partial(tell, ticket, "REFUNDED", 2)])
        assert [*statuses(event, label), Line.objects.get(ticket_id=ticket).status] == ["available", "released"]


def test_control_without_locks_the_older_word_overwrites_the_newer(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = hold(event, "A-1").lines[0].ticket_id
    both_have_read = barrier(2)
    newer_is_written = threading.Event()
    write = states._write

    def older_last(changes: states.Changes) -> None:
        both_have_read.wait()
        if next(iter(changes.told.values())).version == 1:
            newer_is_written.wait(timeout=DEADLINE_SECONDS)
        write(changes)

    def tell_newer() -> None:
        tell(ticket, "REFUNDED", 2)
        newer_is_written.set()

    monkeypatch.setattr(locks, "reservations", lambda ids: [])
    monkeypatch.setattr(locks, "seats", lambda ids, **options: {})
    monkeypatch.setattr(states, "_write", older_last)
    together([partial(tell, ticket, "PAID", 1), tell_newer])
    assert [*statuses(event, "A-1"), Line.objects.get().status] == ["sold", "confirmed"]


def test_a_seat_that_is_freed_while_another_reserves_it_ends_with_one_owner(event: Event, both_ways: str) -> None:
    first = hold(event, "A-1", rut=1).lines[0]
    expired = TicketState(id=first.ticket_id, status="EXPIRED", generation=1, n=2)
    calls: list[Callable[[], object]] = [partial(apply_ticket_states, [expired])]
    calls += [partial(take, event, "A-1", rut=rut) for rut in range(2, 8)]
    together(calls)
    live = Line.objects.filter(status__in=Line.LIVE)
    assert live.count() <= 1
    assert statuses(event, "A-1") == (["reserved"] if live.exists() else ["available"])


def test_reserving_and_blocking_at_once_never_both_get_the_seat(event: Event, both_ways: str) -> None:
    from reservations_site.events.services import block_seats

    ids = seat_ids(event, "A-1", "A-2")
    block = partial(block_seats, event=event, seat_ids=list(reversed(ids)), by="staff")
    reserve = partial(reserve_seats, seat_ids=ids, rut=1, caller="public", by="rut:1")

    def tried() -> object:
        try:
            return reserve()
        except ApiError as refusal:
            return refusal.code

    blocked, reserved = together([block, tried])
    if reserved == "seats_taken":
        assert statuses(event, "A-1", "A-2") == ["blocked", "blocked"]
    else:
        assert blocked.labels == []
        assert statuses(event, "A-1", "A-2") == ["reserved", "reserved"]
