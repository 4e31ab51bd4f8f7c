"""What reserving writes, what it refuses, and that a refusal leaves nothing."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from middleware_worker.contract.drf import ApiError
from middleware_worker.contract.messages import to_billing
from middleware_worker.outbox.models import OutboxMessage
from reservations_site.events.models import Event, Seat
from reservations_site.events.tests.factories import hold, make_event, seat_ids, statuses
from reservations_site.reservations import audit, services
from reservations_site.reservations.models import AuditEntry, Line, Reservation
from reservations_site.reservations.services import reserve_best, reserve_seats
from reservations_site.venues.plans import SectionPlan

pytestmark = pytest.mark.usefixtures("both_ways")


def refusal(event: Event, *labels: str, **options: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        hold(event, *labels, **options)
    return caught.value


def best(event: Event, quantity: int, **options: object) -> list[str]:
    booking = reserve_best(event_id=event.id, quantity=quantity, **{"rut": 1, "caller": "public", "by": "t"} | options)
    return [line.seat.label for line in booking.lines]


def written() -> list[int]:
    models = (Reservation, Line, OutboxMessage, AuditEntry.objects.filter(action="reserved"))
    return [getattr(model, "objects", model).count() for model in models]


def test_a_reservation_writes_seats_lines_message_and_audit(event: Event) -> None:
    booking = hold(event, "B-2", "A-1", name="Ana", email="ana@example.cl")
    assert statuses(event, "A-1", "B-2", "A-2") == ["reserved", "reserved", "available"]
    assert [line.seat.label for line in booking.lines] == ["A-1", "B-2"]
    assert all(line.ticket_id.startswith("TF-") and len(line.ticket_id) == 35 for line in booking.lines)
    assert written() == [1, 2, 1, 1]
    entry = AuditEntry.objects.get(action="reserved")
    assert (entry.by, entry.detail) == ("rut:12345678", {"seats": ["A-1", "B-2"]})


def test_the_message_is_the_contracts_and_its_prices_are_frozen(event: Event) -> None:
    booking = hold(event, "A-1", "A-2", name="Ana", email="ana@example.cl")
    event.sections.update(price=1)
    message = to_billing.validate_python(OutboxMessage.objects.get().message())
    assert (message.type, message.order, message.rut, message.event) == (
        "ticket.create",
        booking.reservation.code,
        12_345_678,
        "Concierto",
    )
    assert [(t.seat, t.section, t.price) for t in message.tickets] == [
        ("A-1", "Platea", 10_000),
        ("A-2", "Platea", 10_000),
    ]
    assert message.expires_at - message.reserved_at == timedelta(minutes=10)


def test_lost_seats_are_named_and_the_free_ones_stay_free(event: Event) -> None:
    hold(event, "A-1", "A-3")
    error = refusal(event, "A-1", "A-2", "A-3", rut=2)
    assert (error.status_code, error.code) == (409, "seats_taken")
    assert error.error == "Asientos no disponibles: A-1, A-3"
    assert [seat["seat_number"] for seat in error.fields["taken"]] == ["A-1", "A-3"]
    assert statuses(event, "A-2") == ["available"]
    assert written() == [1, 2, 1, 1]


def test_a_blocked_seat_is_refused_as_reserved(event: Event) -> None:
    Seat.objects.filter(id__in=seat_ids(event, "A-1")).update(status="blocked")
    assert refusal(event, "A-1").fields["taken"][0]["status"] == "reserved"


@pytest.mark.parametrize(
    "change",
    [
        {"status": Event.Status.CANCELLED},
        {"sales_open_at": timezone.now() + timedelta(hours=1)},
        {"sales_close_at": timezone.now() - timedelta(hours=1)},
        {"starts_at": timezone.now() - timedelta(hours=1)},
    ],
    ids=["cancelled", "not_open_yet", "closed", "begun"],
)
def test_nothing_is_sold_outside_the_time_of_sale(event: Event, change: dict[str, object]) -> None:
    Event.objects.filter(id=event.id).update(**change)
    assert refusal(event, "A-1").code == "sales_closed"
    with pytest.raises(ApiError, match="venta está cerrada"):
        best(event, 1)
    assert written() == [0, 0, 0, 0]


def test_seats_of_a_draft_are_unknown(event: Event) -> None:
    Event.objects.filter(id=event.id).update(status=Event.Status.DRAFT)
    assert refusal(event, "A-1").status_code == 404
    with pytest.raises(ApiError, match="Evento no encontrado"):
        best(event, 1)


def test_unknown_and_impossible_seats_are_named(event: Event) -> None:
    with pytest.raises(ApiError) as caught:
        reserve_seats(seat_ids=[*seat_ids(event, "A-1"), 2**70, -5], rut=1, caller="public", by="t")
    assert (caught.value.status_code, caught.value.fields["unknown"]) == (404, [-5, 2**70])


def test_seats_of_two_events_are_refused(event: Event) -> None:
    other = make_event()
    ids = seat_ids(event, "A-1") + seat_ids(other, "A-1")
    with pytest.raises(ApiError) as caught:
        reserve_seats(seat_ids=ids, rut=1, caller="public", by="t")
    assert (caught.value.status_code, caught.value.code) == (400, "several_events")


def test_more_seats_than_a_call_may_take_are_refused(event: Event) -> None:
    with pytest.raises(ApiError) as caught:
        reserve_seats(seat_ids=seat_ids(event)[:11], rut=1, caller="public", by="t")
    assert caught.value.code == "too_many_seats"
    with pytest.raises(ApiError, match="hasta 10"):
        best(event, 11)


def test_a_rut_holds_so_many_unpaid_seats_and_paid_ones_do_not_count(event: Event, settings: object) -> None:
    settings.HOLD_LIMIT = 3
    hold(event, "A-1", "A-2")
    error = refusal(event, "B-1", "B-2")
    assert (error.code, error.fields) == ("hold_limit", {"held": 2, "limit": 3})
    hold(event, "B-1", "B-2", rut=2)
    Line.objects.filter(reservation__rut=12_345_678).update(status="confirmed")
    hold(event, "C-1", "C-2", "C-3")


def test_the_same_key_and_body_get_the_same_reservation(event: Event) -> None:
    first = hold(event, "A-1", "A-2", idempotency_key="key:k")
    again = hold(event, "A-2", "A-1", idempotency_key="key:k")
    assert again.reservation == first.reservation
    assert [line.ticket_id for line in again.lines] == [line.ticket_id for line in first.lines]
    assert written() == [1, 2, 1, 1]


def test_the_same_key_with_another_body_is_a_conflict(event: Event) -> None:
    hold(event, "A-1", idempotency_key="key:k")
    for labels, rut in (("A-2",), 12_345_678), (("A-1",), 2):
        error = refusal(event, *labels, rut=rut, idempotency_key="key:k")
        assert (error.status_code, error.code) == (422, "idempotency_conflict")


def test_keys_of_two_callers_do_not_meet(event: Event) -> None:
    ids = seat_ids(event, "A-1", "A-2")
    for seat, caller in zip(ids, ("public", "portal"), strict=True):
        reserve_seats(seat_ids=[seat], rut=1, caller=caller, idempotency_key="key:k", by="t")
    assert Reservation.objects.count() == 2


def test_best_available_is_idempotent_too(event: Event) -> None:
    assert best(event, 2, idempotency_key="key:b") == best(event, 2, idempotency_key="key:b")
    assert written() == [1, 2, 1, 1]


def test_best_available_sits_together_in_the_middle_of_the_front(event: Event) -> None:
    assert best(event, 4) == ["A-1", "A-2", "A-3", "A-4"]
    assert best(event, 5, rut=2) != best(event, 3, rut=3)


@pytest.mark.django_db
def test_best_available_keeps_to_the_section_by_id_or_name() -> None:
    event = make_event(
        SectionPlan(name="Platea", rows=1, seats=4), SectionPlan(name="Balcón", rows=1, seats=4, prefix="B")
    )
    assert best(event, 2, section="Balcón") == ["B-A-1", "B-A-2"]
    section = event.sections.get(name="Balcón").id
    with pytest.raises(ApiError, match="No quedan suficientes asientos"):
        best(event, 3, rut=2, section=section)
    with pytest.raises(ApiError, match="Sector no encontrado"):
        best(event, 1, rut=2, section="Palco")


def test_best_available_says_when_too_few_are_left(event: Event) -> None:
    Seat.objects.filter(event=event).exclude(label="C-8").update(status="sold")
    with pytest.raises(ApiError) as caught:
        best(event, 2)
    assert caught.value.code == "not_enough_seats"
    assert best(event, 1) == ["C-8"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("module", "name"), [(services, "enqueue"), (audit, "record")])
def test_when_anything_fails_there_is_no_row_and_no_message(
    module: object, name: str, plainly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = make_event()

    def broken(**_fields: object) -> None:
        raise DatabaseError("the last write fails")

    monkeypatch.setattr(module, name, broken)
    with pytest.raises(DatabaseError):
        hold(event, "A-1", "A-2")
    assert written() == [0, 0, 0, 0]
    assert statuses(event, "A-1", "A-2") == ["available", "available"]


@pytest.mark.django_db(transaction=True)
def test_a_refusal_under_the_lock_rolls_everything_back(plainly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    event = make_event()
    monkeypatch.setattr(services.locks, "seats", lambda ids, **options: dict.fromkeys(ids, "sold"))
    error = refusal(event, "A-1")
    assert error.fields["taken"][0]["status"] == "sold"
    assert written() == [0, 0, 0, 0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [None, "key:mine"])
def test_a_commit_whose_answer_was_lost_is_found_by_the_second_run(
    key: str | None, plainly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run commits, then the connection is lost before the answer: `retrying` runs it again."""
    event = make_event()
    commits: list[str] = []
    commit = BaseDatabaseWrapper.commit

    def commits_then_breaks(self: BaseDatabaseWrapper) -> None:
        commit(self)
        commits.append("done")
        if len(commits) == 1:
            raise OperationalError("the connection was lost during COMMIT")

    monkeypatch.setattr(BaseDatabaseWrapper, "commit", commits_then_breaks)
    booking = hold(event, "A-1", idempotency_key=key)
    assert len(commits) == 2
    assert booking.reservation == Reservation.objects.get()
    assert written() == [1, 1, 1, 1]


def test_the_key_of_a_call_without_one_is_its_own(event: Event) -> None:
    hold(event, "A-1")
    hold(event, "A-2")
    assert Reservation.objects.filter(idempotency_key__startswith="auto:").count() == 2
