"""Seats taken in one statement: the same rows and answers as statement by statement, on the real PostgreSQL."""

import ast
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from middleware_worker.contract.drf import ApiError
from middleware_worker.contract.messages import to_billing
from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.postgresql.base import DatabaseWrapper
from middleware_worker.outbox.transactions import NotReplicated
from reservations_site.events.models import Event, Seat
from reservations_site.events.tests.factories import hold, make_event, seat_ids, statuses
from reservations_site.reservations import at_once, failover, selectors
from reservations_site.reservations.models import AuditEntry, Line, Reservation
from reservations_site.reservations.services import reserve_seats
from reservations_site.reservations.tests.races import DEADLINE_SECONDS, together
from reservations_site.venues.plans import SectionPlan
from reservations_site.waiting_room.admission import Admission
from reservations_site.waiting_room.models import Place
from reservations_site.waiting_room.tests.factories import let_in, make_room

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]
NOW = timezone.now()
SECTIONS = (SectionPlan(name="Platea", rows=2, seats=4), SectionPlan(name="Balcón", rows=2, seats=4, prefix="B"))
LOCK = "PERFORM FROM events_seat WHERE id = ANY (p_seats) ORDER BY id FOR NO KEY UPDATE NOWAIT;"
STILL_FREE = "AND status = 'available'"


@pytest.fixture
def event(transactional_db: None) -> Event:
    return make_event(*SECTIONS)


def source() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('take_seats_1'::regproc)")
        return str(cursor.fetchone()[0])


@contextmanager
def changed(*changes: tuple[str, str]) -> Iterator[None]:
    """The function with some of its text replaced; each must be there."""
    whole = broken = source()
    for old, new in changes:
        assert old in broken
        broken = broken.replace(old, new)
    with connection.cursor() as cursor:
        cursor.execute(broken)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(whole)


@contextmanager
def another() -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection; its transaction is open until it says otherwise."""
    own = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{name: own[name] for name in names if own.get(name)}) as found:
        yield found
        found.rollback()


# The same inputs: the same rows, the same answers


def take(event: Event, *labels: str, rut: int = 1, **options: Any) -> Callable[[Event], Any]:
    return lambda event: hold(event, *labels, rut=rut, **options)


def these(choose: Callable[[Event], Sequence[int]], **options: Any) -> Callable[[Event], Any]:
    return lambda event: reserve_seats(seat_ids=choose(event), caller="public", **{"rut": 1, "by": "t"} | options)


def change(**fields: Any) -> Callable[[Event], Any]:
    return lambda event: Event.objects.filter(id=event.id).update(**fields) and None


def mark(status: str, *labels: str) -> Callable[[Event], Any]:
    return lambda event: event.seats.filter(label__in=labels).update(status=status) and None


def reserved_before(times: int, *, ago: float = 10) -> Callable[[Event], Any]:
    """The same buyer reserved so often, and none of it is held any more."""

    def rows(event: Event) -> None:
        at = NOW - timedelta(seconds=ago)
        Reservation.objects.bulk_create(
            Reservation(
                event=event, rut=1, caller="public", idempotency_key=f"key:{ago} {n}", created_at=at, expires_at=at
            )
            for n in range(times)
        )

    return rows


def room(**fields: Any) -> Callable[[Event], Any]:
    return lambda event: make_room(event, **fields) and None


def admitted(*labels: str, event_id: int | None = None, **options: Any) -> Callable[[Event], Any]:
    """By one and the same admission."""

    def call(event: Event) -> Any:
        place = Place.objects.filter(room_id=event.id).first()
        admission = Admission(event.id, place.id) if place else let_in(event)
        used = Admission(event_id, admission.place_id) if event_id else admission
        return hold(event, *labels, admission=used, **{"rut": 1} | options)

    return call


ALL = ("A-1", "A-2", "A-3", "A-4", "B-1", "B-2", "B-3", "B-4", "B-A-1", "B-A-2")
SCENARIOS: dict[str, list[Callable[[Event], Any]]] = {
    "one": [take(None, "A-1")],
    "several in any order, of two sections": [take(None, "B-A-2", "B-2", "A-1", name="Ñandú «x»", email="a@b.cl")],
    "the same seat twice": [these(lambda event: seat_ids(event, "A-1", "A-1"))],
    "as many as a call may take": [take(None, *ALL)],
    "a long actor": [these(lambda event: seat_ids(event, "A-1"), by="x" * 200)],
    "a hold of its own": [take(None, "A-1", hold=timedelta(hours=3))],
    "other minutes": [change(hold_minutes=3), take(None, "A-1")],
    "taken": [take(None, "A-1", "A-3"), take(None, "A-1", "A-2", "A-3", rut=2)],
    "sold and blocked": [mark("sold", "A-1"), mark("blocked", "A-2"), take(None, "A-1", "A-2", "A-3")],
    "limit": [take(None, *ALL[:8]), take(None, "B-B-1", "B-B-2", "B-B-3"), take(None, "B-B-1", "B-B-2")],
    "limit counts held only": [
        take(None, *ALL),
        lambda event: Line.objects.filter(seat__event=event).update(status="confirmed") and None,
        take(None, "B-B-1"),
    ],
    "often enough": [reserved_before(50, ago=60), reserved_before(29), take(None, "A-1"), take(None, "A-2")],
    "too often, and the limit of seats goes first": [
        take(None, *ALL, idempotency_key="key:k"),
        reserved_before(29, ago=3),
        take(None, "B-B-1"),
        take(None, *ALL, idempotency_key="key:k"),
        take(None, "B-B-1", rut=2),
    ],
    "repeat": [take(None, "A-1", idempotency_key="key:k"), take(None, "A-1", idempotency_key="key:k")],
    "repeat, past the limit": [take(None, *ALL, idempotency_key="key:k"), take(None, *ALL, idempotency_key="key:k")],
    "repeat after the sale": [
        take(None, "A-1", idempotency_key="key:k"),
        change(status="cancelled"),
        take(None, "A-1", idempotency_key="key:k"),
    ],
    "conflict": [
        take(None, "A-1", idempotency_key="key:k"),
        take(None, "A-2", idempotency_key="key:k"),
        these(lambda event: [10**15], idempotency_key="key:k"),
    ],
    "draft": [change(status="draft"), take(None, "A-1")],
    "cancelled": [change(status="cancelled"), take(None, "A-1")],
    "not open": [change(sales_open_at=NOW + timedelta(seconds=1)), take(None, "A-1")],
    "just open": [change(sales_open_at=NOW), take(None, "A-1")],
    "just closed": [change(sales_close_at=NOW), take(None, "A-1")],
    "begun": [change(starts_at=NOW), take(None, "A-1")],
    "taken before closed": [mark("sold", "A-1"), change(status="cancelled"), take(None, "A-1")],
    "unknown": [these(lambda event: [*seat_ids(event, "A-1"), 10**15])],
    "impossible": [these(lambda event: [*seat_ids(event, "A-1"), -1, 2**64])],
    "nothing": [these(lambda event: [])],
    "two events": [these(lambda event: [*seat_ids(event, "A-1"), *seat_ids(make_event(*SECTIONS), "A-1")])],
    "a waiting room, and nobody let in": [room(), take(None, "A-1")],
    "a waiting room, sold seats first": [room(), mark("sold", "A-1"), take(None, "A-1"), take(None, "A-2")],
    "a waiting room out of use": [room(in_use=False), take(None, "A-1")],
    "let in, until it is used up": [
        room(purchases=1),
        admitted("A-1", "A-2", idempotency_key="key:k"),
        admitted("A-1", "A-2", idempotency_key="key:k"),
        admitted("A-3"),
    ],
    "let in, another buyer": [room(), admitted("A-1"), admitted("A-2", rut=2), admitted("A-2")],
    "let in, a seat lost": [room(purchases=1), mark("sold", "A-1"), admitted("A-1"), admitted("A-2")],
    "let in, past the limit": [room(purchases=9), admitted(*ALL), admitted("B-B-1")],
    "let in by another event's room": [room(), admitted("A-1", event_id=1)],
    "free on the list, but with a live reservation": [
        take(None, "A-1", "A-2"),
        mark("available", "A-1", "A-2"),
        take(None, "A-2", "A-3", rut=2),
    ],
}


def answers(event: Event, calls: Sequence[Callable[[Event], Any]]) -> list[Any]:
    found = []
    for call in calls:
        try:
            booking = call(event)
        except ApiError as error:
            found.append([error.status_code, error.code, error.error, error.fields])
        else:
            found.append(booking and selectors.describe(booking))
    return found


def written(event: Event) -> dict[str, Any]:
    lines = Line.objects.filter(seat__event=event).order_by("reservation_id", "seat_id")
    codes = list(Reservation.objects.filter(event=event).order_by("id").values_list("code", flat=True))
    messages = sorted(OutboxMessage.objects.all(), key=lambda message: codes.index(message.aggregate))
    audit = AuditEntry.objects.filter(event=event, action="reserved").order_by("id")
    return {
        "reservations": list(Reservation.objects.filter(event=event).order_by("id").values()),
        "lines": list(lines.values()),
        "places": list(Place.objects.filter(room=event.id).values("uses", "rut", "used_at")),
        "seats": list(Seat.objects.filter(event=event).order_by("id").values()),
        # Its moment is the model's own default, which no test can stop.
        "audit": list(audit.values("by", "action", "reservation_id", "event_id", "detail")),
        "outbox": [m.__dict__ | {"payload": to_billing.validate_python(m.message()).model_dump()} for m in messages],
    }


OWN = {
    "id", "code", "aggregate", "order", "key", "idempotency_key", "request_digest", "ticket_id", "event_id",
    "venue_id", "seat_id", "section_id", "reservation_id", "event", "venue", "unknown",
}  # fmt: skip


def named(found: Any, names: dict[str, str], key: str = "") -> Any:
    """Ids and codes, which differ each time, as names in the order in which they come."""
    if isinstance(found, dict):
        return {key: named(value, names, key) for key, value in found.items() if key != "_state"}
    if isinstance(found, list):
        return [named(part, names, key) for part in found]
    return names.setdefault(str(found), f"n{len(names)}") if key in OWN else found


def each_table_has_numbers_of_its_own() -> None:
    tables = ("venues_venue", "events_event", "events_eventsection", "events_seat", "reservations_reservation")
    tables += ("reservations_line", "reservations_auditentry")
    with connection.cursor() as cursor:
        for number, table in enumerate(tables, start=1):
            cursor.execute(f"SELECT setval('{table}_id_seq', {number}000000)")


def seen(event: Event, calls: Sequence[Callable[[Event], Any]]) -> Any:
    return named([answers(event, calls), written(event)], {})


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_ways_write_the_same_rows_and_give_the_same_answers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    each_table_has_numbers_of_its_own()
    first, second = (make_event(*SECTIONS, starts_at=NOW + timedelta(days=3), sales_open_at=NOW) for _way in "12")
    # In the same place of a list the two have different ids, so no name stands for anything else.
    one_statement = seen(first, SCENARIOS[name])
    for table in ("outbox_outboxmessage", "reservations_auditentry", "reservations_line", "reservations_reservation"):
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table}")
    with monkeypatch.context() as patch:
        patch.setattr(at_once, "can", lambda wanted: False)
        assert seen(second, SCENARIOS[name]) == one_statement


def test_what_is_returned_is_what_a_look_into_the_database_finds(event: Event) -> None:
    booking = hold(event, "A-1", "B-A-2", name="Ana")
    found = selectors.by_code(booking.reservation.code)
    assert booking.reservation == found.reservation
    assert list(booking.lines) == list(found.lines)
    assert selectors.describe(booking) == selectors.describe(found)
    # What the function did not tell is read when it is asked for.
    assert booking.reservation.event.hold_minutes == event.hold_minutes
    assert booking.lines[0].seat.section.rank == 0


# One statement


def test_it_is_one_statement_prepared_once_and_no_other_is_sent(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = seat_ids(event)
    sent = []

    class Watched(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Any:
            sent.append(query)
            return super().execute(query, *args, **options)

    monkeypatch.setattr(psycopg, "Cursor", Watched)
    with CaptureQueriesContext(connection) as queries:
        for seat in ids[:3]:
            reserve_seats(seat_ids=[seat], rut=1, caller="public", by="t")
        for seat in ids[:3]:
            with pytest.raises(ApiError):
                reserve_seats(seat_ids=[seat], rut=2, caller="public", by="t")
    assert (sent, len(queries)) == ([at_once.TAKE] * 6, 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%take_seats_1%'")
        assert cursor.fetchone() == (1,)


def test_the_function_locks_the_buyer_and_then_the_seats_in_id_order() -> None:
    text = source()
    assert text.index("pg_advisory_xact_lock") < text.index(LOCK) < text.index("UPDATE events_seat")
    assert text.count("FOR NO KEY UPDATE") == 1


def test_a_refusal_writes_nothing_and_has_no_transaction_id(event: Event) -> None:
    hold(event, "A-1")
    (seat,) = seat_ids(event, "A-1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT txid_snapshot_xmax(txid_current_snapshot())")
        before = cursor.fetchone()
        for _time in range(5):
            with pytest.raises(ApiError):
                reserve_seats(seat_ids=[seat], rut=2, caller="public", by="t")
        cursor.execute("SELECT txid_snapshot_xmax(txid_current_snapshot())")
        assert cursor.fetchone() == before


# In the hands of another


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens during each pause, in order; after the last one nothing does."""
    planned: list[Callable[[], object]] = []
    monkeypatch.setattr(at_once, "_pause", lambda _seconds: planned and planned.pop(0)())
    return planned


def in_hands(other: psycopg.Connection[Any], event: Event, *labels: str, status: str = "sold") -> None:
    other.execute("UPDATE events_seat SET status = %s WHERE id = ANY(%s)", [status, seat_ids(event, *labels)])


def test_a_seat_whose_holder_rolls_back_is_not_refused(event: Event, pauses: list[Any]) -> None:
    with another() as other:
        in_hands(other, event, "A-2")
        pauses += [lambda: None, other.rollback]
        assert [line.seat.label for line in hold(event, "A-1", "A-2").lines] == ["A-1", "A-2"]
    assert pauses == []


def test_a_seat_whose_holder_commits_is_refused_by_its_name(event: Event, pauses: list[Any]) -> None:
    with another() as other:
        in_hands(other, event, "A-2")
        pauses += [lambda: None, other.commit]
        with pytest.raises(ApiError) as caught:
            hold(event, "A-1", "A-2")
    assert [(s["seat_number"], s["status"]) for s in caught.value.fields["taken"]] == [("A-2", "sold")]
    assert statuses(event, "A-1") == ["available"]


def test_whoever_pauses_has_let_go_of_everything(event: Event, pauses: list[Any]) -> None:
    def take_the_other_seat() -> None:
        with another() as third:
            third.execute("SET lock_timeout = '1s'")
            in_hands(third, event, "A-1")
            third.execute("SELECT pg_advisory_xact_lock(%s, 12345678)", [0x52555400])

    with another() as other:
        in_hands(other, event, "A-2")
        pauses += [take_the_other_seat, other.rollback]
        hold(event, "A-1", "A-2")
    assert pauses == []


def test_a_seat_that_stays_in_other_hands_is_503_and_not_taken(
    event: Event, api: Any, pauses: list[Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_once, "PATIENCE_SECONDS", 0.0)
    settings.FAILOVER_WAIT_SECONDS = 0
    with another() as other:
        in_hands(other, event, "A-1")
        body = {"seat_id": seat_ids(event, "A-1")[0], "user_id": 1}
        answer = api.post("/api/reserve", body, content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def test_a_seat_in_the_hands_of_somebody_who_waits_for_a_fail_over_is_waited_for_as_long(
    event: Event, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_once, "PATIENCE_SECONDS", 0.0)
    with another() as other:
        in_hands(other, event, "A-1")
        monkeypatch.setattr(failover, "_pause", lambda _seconds: other.rollback())
        body = {"seat_id": seat_ids(event, "A-1")[0], "user_id": 1}
        answer = api.post("/api/reserve", body, content_type="application/json")
    assert answer.status_code == 200


# What fails leaves nothing, and what is not known is looked up


@contextmanager
def trigger(does: str) -> Iterator[None]:
    """At the last row that is written."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE FUNCTION at_last() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {does}; RETURN NEW; END'")
        cursor.execute(
            "CREATE TRIGGER at_last AFTER INSERT ON reservations_auditentry FOR EACH ROW"
            " WHEN (NEW.action = 'reserved') EXECUTE FUNCTION at_last()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION at_last CASCADE")


def rows() -> list[int]:
    models = (Reservation, Line, OutboxMessage, AuditEntry.objects.filter(action="reserved"))
    return [getattr(model, "objects", model).count() for model in models]


def test_when_the_last_write_fails_there_is_no_row_and_no_message(event: Event) -> None:
    with trigger("RAISE EXCEPTION ''no''"), pytest.raises(DatabaseError, match="no"):
        hold(event, "A-1", "A-2")
    assert (rows(), statuses(event, "A-1", "A-2")) == ([0, 0, 0, 0], ["available", "available"])


def test_a_statement_that_was_not_replicated_is_no_success(event: Event, settings: Any) -> None:
    settings.FAILOVER_WAIT_SECONDS = 0
    warn = "RAISE WARNING ''canceling wait for synchronous replication'' USING ERRCODE = ''57014''"
    with trigger(warn), pytest.raises(NotReplicated):
        hold(event, "A-1", idempotency_key="key:k")
    assert hold(event, "A-1", idempotency_key="key:k").reservation == Reservation.objects.get()


@pytest.mark.parametrize("key", [None, "key:mine"])
def test_a_statement_whose_answer_was_lost_is_found_by_the_second_run(
    event: Event, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = []
    whole = DatabaseWrapper.raise_if_cut_short

    def breaks_once(self: DatabaseWrapper) -> None:
        whole(self)
        if not lost:
            lost.append(True)
            raise OperationalError("the connection was lost before the answer came")

    monkeypatch.setattr(DatabaseWrapper, "raise_if_cut_short", breaks_once)
    assert hold(event, "A-1", idempotency_key=key).reservation == Reservation.objects.get()
    assert (lost, rows()) == ([True], [1, 1, 1, 1])


def test_a_dead_connection_is_replaced_without_a_fail_over(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "_pause", lambda _seconds: pytest.fail("waits for a fail-over"))
    ids = seat_ids(event, "A-1")
    with another() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    assert reserve_seats(seat_ids=ids, rut=1, caller="public", by="t").lines


# Races


def race(event: Event, clients: int = 8) -> Counter[str]:
    """Buyers who take one seat, each of whom has looked before any of them writes."""
    (seat,) = seat_ids(event, "A-1")

    def call(rut: int) -> str:
        try:
            reserve_seats(seat_ids=[seat], rut=rut, caller="public", by="t")
        except ApiError as refusal:
            return refusal.code
        return "won"

    def all_have_looked() -> None:
        with another() as door:
            door.execute("SELECT pg_advisory_lock(7)")
            shut.set()
            gone = time.monotonic() + DEADLINE_SECONDS
            while time.monotonic() < gone:
                waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
                if door.execute(waiting).fetchone() == (clients,):
                    break

    shut = threading.Event()
    doorkeeper = threading.Thread(target=all_have_looked)
    doorkeeper.start()
    assert shut.wait(DEADLINE_SECONDS)
    found = together([lambda rut=rut: call(rut) for rut in range(1, clients + 1)])
    doorkeeper.join()
    return Counter(found)


DOOR = "PERFORM pg_advisory_lock_shared(7); PERFORM pg_advisory_unlock_shared(7);"


def test_of_many_who_saw_the_seat_free_one_gets_it(event: Event) -> None:
    with changed((LOCK, f"{DOOR} {LOCK}")):
        assert race(event) == {"won": 1, "seats_taken": 7}
    assert rows() == [1, 1, 1, 1]


def test_the_unique_index_alone_refuses_all_but_one_too(event: Event) -> None:
    with changed((LOCK, DOOR), (STILL_FREE, "")):
        assert race(event) == {"won": 1, "seats_taken": 7}
    assert rows() == [1, 1, 1, 1]


def test_control_without_the_lock_and_the_index_the_seat_is_sold_to_all(event: Event) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_live_line_a_seat")
    try:
        with changed((LOCK, DOOR), (STILL_FREE, "")):
            assert race(event) == {"won": 8}
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM reservations_line")
            index = "CREATE UNIQUE INDEX one_live_line_a_seat ON reservations_line (seat_id)"
            cursor.execute(f"{index} WHERE status IN ('held', 'confirmed')")


def test_the_selftest_of_the_drills_finds_what_it_takes_out() -> None:
    """`tests/drills/selftest.py`, and that it can put it back."""
    file = Path(__file__).parents[3] / "tests" / "drills" / "selftest.py"
    named = {n.targets[0].id: n.value for n in ast.parse(file.read_text()).body if isinstance(n, ast.Assign)}
    whole = source()
    for name in ("LOCK", "STILL_FREE", "LOOK_FOR_KEY"):
        old, new = ast.literal_eval(named[name])
        broken = whole.replace(old, new)
        assert broken != whole
        assert broken.replace(new, old) == whole


def shop(event_id: int, seed: int, start: Any, found: Any) -> None:
    """A process of many calls for one to three of the seats, in one statement or plainly; what came of each."""
    dice = random.Random(seed)
    event = Event(id=event_id)
    ids = seat_ids(event)
    can = at_once.can
    start.wait(DEADLINE_SECONDS)
    told = []
    for number in range(25):
        wanted = dice.sample(ids, dice.randint(1, 3))
        at_once.can = can if dice.random() < 0.7 else lambda wanted: False
        try:
            booking = reserve_seats(seat_ids=wanted, rut=1000 * seed + number, caller="public", by="t")
        except ApiError as refusal:
            told.append((refusal.code, [seat["seat_id"] for seat in refusal.fields.get("taken", [])]))
        else:
            told.append(("won", [line.seat_id for line in booking.lines]))
    found.put(told)
    connections.close_all()


def test_many_processes_on_a_few_seats_sell_each_once_and_refuse_only_what_is_sold(event: Event) -> None:
    """Nothing is given back meanwhile, so a seat that was refused must have an owner in the end."""
    connections.close_all()
    context = multiprocessing.get_context("fork")
    start, found = context.Barrier(6), context.Queue()
    processes = [context.Process(target=shop, args=(event.id, seed, start, found)) for seed in range(1, 7)]
    for process in processes:
        process.start()
    told = [one for _process in processes for one in found.get(timeout=DEADLINE_SECONDS)]
    for process in processes:
        process.join(DEADLINE_SECONDS)
    won = [seat for code, seats in told if code == "won" for seat in seats]
    refused = {seat for code, seats in told if code == "seats_taken" for seat in seats}
    assert {code for code, _seats in told} == {"won", "seats_taken"}
    assert sorted(won) == sorted(Line.objects.values_list("seat_id", flat=True))
    assert len(set(won)) == len(won)
    assert refused <= set(won)
    assert set(Seat.objects.filter(status="reserved").values_list("id", flat=True)) == set(won)
    assert rows()[0] == rows()[2] == rows()[3] == sum(code == "won" for code, _seats in told)
