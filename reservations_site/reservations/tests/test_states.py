"""Applying what billing says: only newer words, only to the seat's own ticket, each seat freed once."""

import logging
import uuid

import pytest

from middleware_worker.contract.messages import Answer, TicketState
from middleware_worker.outbox.models import OutboxMessage
from middleware_worker.outbox.services import settle
from reservations_site.events.models import Event, Seat
from reservations_site.events.tests.factories import hold, seat_ids, statuses
from reservations_site.reservations.endings import ask_to_end
from reservations_site.reservations.messages import receive
from reservations_site.reservations.models import AuditEntry, Line
from reservations_site.reservations.states import apply_ticket_states


def tell(ticket: str, status: str, n: int, generation: int = 1) -> set[str]:
    return apply_ticket_states([TicketState(id=ticket, status=status, generation=generation, n=n)])


def state_of(ticket: str) -> tuple[str, str, int]:
    line = Line.objects.select_related("seat").get(ticket_id=ticket)
    return line.status, line.seat.status, line.version


def changed(*tickets: tuple[str, str, int], order: str = "TF-X") -> dict[str, object]:
    states = [{"id": ticket, "status": status, "generation": 1, "n": n} for ticket, status, n in tickets]
    return {"id": str(uuid.uuid4()), "type": "ticket.status", "order": order, "tickets": states}


@pytest.fixture
def ticket(event: Event) -> str:
    return hold(event, "A-1").lines[0].ticket_id


@pytest.mark.parametrize(
    ("status", "line", "seat"),
    [
        ("PENDING_PAYMENT", "held", "reserved"),
        ("PAID", "confirmed", "sold"),
        ("USED", "confirmed", "sold"),
        ("REFUNDED", "released", "available"),
        ("EXPIRED", "released", "available"),
    ],
)
def test_a_newer_state_is_applied_whatever_the_step(ticket: str, status: str, line: str, seat: str) -> None:
    assert tell(ticket, status, 3) == set()
    assert state_of(ticket) == (line, seat, 3)


@pytest.mark.parametrize("n", [1, 2])
def test_an_older_or_equal_version_does_nothing(ticket: str, n: int) -> None:
    tell(ticket, "PAID", 2)
    tell(ticket, "EXPIRED", n)
    assert state_of(ticket) == ("confirmed", "sold", 2)


def test_a_newer_generation_beats_any_version_of_an_older_one(ticket: str) -> None:
    tell(ticket, "PAID", 9, generation=1)
    tell(ticket, "REFUNDED", 1, generation=2)
    assert state_of(ticket) == ("released", "available", 1)
    tell(ticket, "PAID", 10, generation=1)
    assert state_of(ticket) == ("released", "available", 1)


def test_a_seat_is_freed_once_and_never_when_it_is_anothers(event: Event, ticket: str) -> None:
    tell(ticket, "EXPIRED", 2)
    second = hold(event, "A-1", rut=2).lines[0].ticket_id
    tell(ticket, "REFUNDED", 3)
    assert statuses(event, "A-1") == ["reserved"]
    assert state_of(second)[0] == "held"
    assert AuditEntry.objects.filter(action="released").count() == 1


def test_a_paid_ticket_whose_seat_is_anothers_is_refused_and_recorded(
    event: Event, ticket: str, caplog: pytest.LogCaptureFixture
) -> None:
    tell(ticket, "EXPIRED", 2)
    second = hold(event, "A-1", rut=2).lines[0].ticket_id
    assert tell(ticket, "PAID", 3) == {ticket}
    assert state_of(ticket)[::2] == ("released", 2)
    assert state_of(second) == ("held", "reserved", 0)
    assert AuditEntry.objects.get(action="seat_conflict").detail["ticket"] == ticket
    assert "its seat is another's by now" in caplog.text


def test_a_paid_ticket_gets_its_free_seat_back(ticket: str) -> None:
    tell(ticket, "EXPIRED", 2)
    assert tell(ticket, "PAID", 3) == set()
    assert state_of(ticket) == ("confirmed", "sold", 3)


def test_a_seat_changes_hands_within_one_batch(event: Event, ticket: str) -> None:
    tell(ticket, "EXPIRED", 2)
    second = hold(event, "A-1", rut=2).lines[0].ticket_id
    swap = [
        TicketState(id=second, status="EXPIRED", generation=1, n=1),
        TicketState(id=ticket, status="PAID", generation=1, n=3),
    ]
    assert apply_ticket_states(swap) == set()
    assert (state_of(ticket)[0], state_of(second)[0]) == ("confirmed", "released")
    assert statuses(event, "A-1") == ["sold"]


def test_tickets_of_outside_sellers_are_passed_over(ticket: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert tell("EXT-1", "PAID", 1) == set()
    assert "EXT-1" in caplog.text
    assert apply_ticket_states([]) == set()


def test_a_ticket_of_ours_that_is_not_known_is_an_error_in_the_log(
    ticket: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert tell("TF-forgotten", "PAID", 1) == set()
    assert [record.levelname for record in caplog.records if "TF-forgotten" in record.message] == ["ERROR"]


def test_each_change_leaves_who_did_it(ticket: str) -> None:
    tell(ticket, "PAID", 1)
    tell(ticket, "USED", 2)
    tell(ticket, "REFUNDED", 3)
    entries = AuditEntry.objects.filter(by="billing").order_by("id")
    assert [entry.action for entry in entries] == ["confirmed", "released"]
    assert entries[0].detail == {"seat": "A-1", "ticket": ticket, "status": "PAID", "version": [1, 1]}


def test_one_bad_message_spoils_no_other(event: Event, ticket: str) -> None:
    tell(ticket, "EXPIRED", 2)
    second = hold(event, "A-1", "A-2", rut=2)
    good, other = (line.ticket_id for line in second.lines)
    bad = [{}, {"id": 7}, changed(), {**changed((good, "PAID", 1)), "id": "no-uuid"}, changed((good, "LOST", 1))]
    items = [
        *bad,
        changed((ticket, "PAID", 3)),
        changed((good, "PAID", 1)),
        changed((other, "PAID", 1), ("EXT", "PAID", 1)),
    ]
    answers = receive(items)
    assert [answer.result for answer in answers] == ["rejected"] * 6 + ["done"] * 2
    assert [answer.code for answer in answers] == ["invalid"] * 5 + ["seat_conflict"] + [""] * 2
    assert [answer.id for answer in answers[5:]] == [item["id"] for item in items[5:]]
    assert statuses(event, "A-1", "A-2") == ["sold", "sold"]


def test_the_receipt_is_the_answer(event: Event) -> None:
    booking = hold(event, "A-1", "A-2")
    ask_to_end(reservation=booking.reservation, reason="cancelled_by_buyer", by="rut:1")
    row = OutboxMessage.objects.get(type="ticket.expire")
    states = [TicketState(id=line.ticket_id, status="EXPIRED", generation=1, n=1) for line in booking.lines]
    answer = Answer(id=str(row.id), result="done", tickets=states)
    assert settle([answer]) == 1
    row.refresh_from_db()
    assert row.state == OutboxMessage.State.RECEIPTED
    assert statuses(event, "A-1", "A-2") == ["available", "available"]
    hold(event, "A-1", rut=2)
    assert settle([answer]) == 0
    assert statuses(event, "A-1") == ["reserved"]


@pytest.mark.django_db(transaction=True)
def test_when_the_states_cannot_be_applied_the_row_stays_open(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reservations_site.events.tests.factories import make_event

    event = make_event()
    line = hold(event, "A-1").lines[0]
    row = OutboxMessage.objects.get()
    monkeypatch.setattr("reservations_site.reservations.states.audit.record", _broken)
    states = [TicketState(id=line.ticket_id, status="PAID", generation=1, n=1)]
    with pytest.raises(RuntimeError):
        settle([Answer(id=str(row.id), result="done", tickets=states)])
    row.refresh_from_db()
    assert row.state == OutboxMessage.State.OPEN
    assert state_of(line.ticket_id) == ("held", "reserved", 0)


def _broken(**_fields: object) -> None:
    raise RuntimeError("the audit cannot be written")


def test_a_seat_that_staff_blocked_is_not_touched_by_an_old_ticket(event: Event, ticket: str) -> None:
    tell(ticket, "EXPIRED", 1)
    Seat.objects.filter(id__in=seat_ids(event, "A-1")).update(status="blocked")
    tell(ticket, "REFUNDED", 2)
    assert statuses(event, "A-1") == ["blocked"]
