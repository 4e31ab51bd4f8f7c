"""The box office's pages: what each group may see and do, and that each button calls its service."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from middleware_worker.contract.messages import TicketState
from middleware_worker.contract.rut import format_rut
from middleware_worker.outbox.models import OutboxMessage
from reservations_site.events.models import Event
from reservations_site.events.tests.factories import hold, make_event, make_venue, statuses
from reservations_site.reservations.models import AuditEntry, Reservation
from reservations_site.reservations.states import apply_ticket_states
from reservations_site.staff import CappedPaginator
from reservations_site.venues.models import PlanSeat, Venue

EVENT_PAGES = ["seats", "plan", "cancel"]


@pytest.fixture
def groups(db: None) -> None:
    """The groups as their migration makes them (a flush by an earlier test may have emptied the table)."""
    for name in ("0002_groups", "0003_roles"):
        importlib.import_module(f"reservations_site.reservations.migrations.{name}").make_groups(apps, None)


def member(group: str | None) -> Client:
    user = User.objects.create_user(f"user-{group}", is_staff=True, is_superuser=group is None)
    if group is not None:
        user.groups.add(Group.objects.get(name=group))
    client = Client(headers={"Accept-Language": "es"})
    client.force_login(user)
    return client


@pytest.fixture
def office(groups: None) -> Client:
    return member("Boletería")


@pytest.fixture
def auditor(groups: None) -> Client:
    return member("Auditoría")


@pytest.fixture
def boss(db: None) -> Client:
    return member(None)


def page(name: str, *args: object) -> str:
    return reverse(f"admin:{name}", args=args)


def found(client: Client, search: str) -> list[str]:
    """The codes that a search in the list of reservations finds."""
    answer = client.get(page("reservations_reservation_changelist"), {"q": search})
    return [reservation.code for reservation in answer.context["cl"].result_list]


def test_every_page_opens_for_a_superuser(event: Event, boss: Client) -> None:
    reservation = hold(event, "A-1").reservation
    pages = [page("index"), page("events_event_add"), page("venues_venue_add")]
    pages += [page(f"{name}_changelist") for name in ("venues_venue", "events_event", "reservations_reservation")]
    pages += [page("reservations_auditentry_changelist"), page("outbox_outboxmessage_changelist")]
    pages += [page("venues_venue_change", event.venue_id), page("venues_venue_plan", event.venue_id)]
    pages += [page("events_event_change", event.id), page("events_event_state", event.id)]
    pages += [page(f"events_event_{name}", event.id) for name in EVENT_PAGES]
    pages += [
        page("reservations_reservation_change", reservation.id),
        page("reservations_reservation_cancel", reservation.id),
    ]
    pages += [page("reservations_auditentry_change", AuditEntry.objects.first().id)]
    for address in pages:
        assert boss.get(address).status_code == 200, address


@pytest.mark.parametrize("name", ["venues_venue_plan", "reservations_reservation_cancel", "events_event_seats"])
def test_what_does_not_exist_is_404(boss: Client, name: str) -> None:
    assert boss.get(page(name, 999)).status_code == 404


def test_a_stranger_is_asked_to_log_in(event: Event, api: Client) -> None:
    for name in EVENT_PAGES:
        assert api.get(page(f"events_event_{name}", event.id)).status_code == 302


def test_the_auditor_sees_everything_and_changes_nothing(event: Event, auditor: Client) -> None:
    reservation = hold(event, "A-1").reservation
    seen = [
        page("events_event_seats", event.id),
        page("events_event_change", event.id),
        page("reservations_reservation_change", reservation.id),
        page("reservations_auditentry_changelist"),
        page("outbox_outboxmessage_changelist"),
    ]
    assert all(auditor.get(address).status_code == 200 for address in seen)
    refused = [
        page("events_event_seats", event.id),
        page("events_event_plan", event.id),
        page("events_event_cancel", event.id),
        page("reservations_reservation_cancel", reservation.id),
        page("venues_venue_plan", event.venue_id),
    ]
    assert {auditor.post(address, {"labels": "A-2", "reason": "x"}).status_code for address in refused} == {403}
    assert "Cancelar" not in auditor.get(page("reservations_reservation_changelist")).content.decode()
    assert 'name="block"' not in auditor.get(page("events_event_seats", event.id)).content.decode()


def test_the_box_office_may_block_and_cancel_but_not_change_events(event: Event, office: Client) -> None:
    assert office.get(page("events_event_seats", event.id)).context["may_block"]
    assert office.get(page("events_event_plan", event.id)).status_code == 403
    assert office.get(page("events_event_cancel", event.id)).status_code == 403
    assert office.post(page("events_event_change", event.id), {"name": "x"}).status_code == 403


def test_seats_are_blocked_and_unblocked_by_their_names(event: Event, office: Client) -> None:
    hold(event, "A-1")
    address = page("events_event_seats", event.id)
    answer = office.post(address, {"labels": "a-1, A-2; A-3", "reason": "Cámara", "block": ""}, follow=True)
    assert statuses(event, "A-1", "A-2", "A-3") == ["reserved", "blocked", "blocked"]
    assert [str(message) for message in answer.context["messages"]] == [
        "2 asientos bloqueados",
        "1 quedó como estaba: A-1 (reservado)",
    ]
    entry = AuditEntry.objects.get(action="seats_blocked")
    assert (entry.by, entry.detail["reason"]) == ("staff:user-Boletería", "Cámara")
    office.post(address, {"labels": "A-2", "unblock": ""})
    assert statuses(event, "A-2", "A-3") == ["available", "blocked"]


def test_seats_are_blocked_for_a_reason_only(event: Event, office: Client) -> None:
    answer = office.post(page("events_event_seats", event.id), {"labels": "A-1", "reason": " ", "block": ""})
    assert "Indique por qué se bloquean" in answer.content.decode()
    assert statuses(event, "A-1") == ["available"]


def test_an_unknown_seat_is_named(event: Event, office: Client) -> None:
    answer = office.post(page("events_event_seats", event.id), {"labels": "A-1, Z-99", "reason": "x", "block": ""})
    assert "No hay asiento Z-99 en este evento" in answer.content.decode()
    assert statuses(event, "A-1") == ["available"]


def test_occupancy_is_counted_by_section_and_in_all(event: Event, office: Client) -> None:
    hold(event, "A-1", "A-2")
    state = office.get(page("events_event_state", event.id)).json()
    (section,) = state["occupancy"]
    assert (section["name"], section["available"], section["reserved"], section["total"]) == ("Platea", 22, 2, 24)
    assert section["share_taken"] == 8
    assert sorted(set(state["seats"].values())) == ["available", "reserved"]


def test_the_picture_uses_points_whatever_the_language(event: Event, boss: Client) -> None:
    for language in ("es-cl", "en"):
        text = boss.get(page("events_event_seats", event.id), headers={"Accept-Language": language}).content.decode()
        assert 'cx="-4.00"' in text
        assert 'data-label="A-1"' in text


def test_english_is_there_beside_spanish(event: Event, boss: Client) -> None:
    address = page("events_event_seats", event.id)
    assert "Ocupación por sector" in boss.get(address, headers={"Accept-Language": "es-CL"}).content.decode()
    assert "Occupancy by section" in boss.get(address, headers={"Accept-Language": "en"}).content.decode()


def test_a_plan_is_copied_with_its_prices(boss: Client) -> None:
    event = Event.objects.create(venue=make_venue(), name="Nuevo", starts_at="2127-01-01T00:00:00Z")
    section = event.venue.sections.get()
    answer = boss.post(page("events_event_plan", event.id), {f"section_{section.id}": "7500"}, follow=True)
    assert "El evento tiene 24 asientos" in answer.content.decode()
    assert int(event.sections.get().price) == 7500


def test_a_plan_is_not_copied_over_reservations(event: Event, boss: Client) -> None:
    hold(event, "A-1")
    section = event.venue.sections.get()
    answer = boss.post(page("events_event_plan", event.id), {f"section_{section.id}": "1"})
    assert "El evento ya tiene reservas" in answer.content.decode()


def test_cancelling_an_event_asks_for_a_reason_first(event: Event, boss: Client) -> None:
    hold(event, "A-1")
    address = page("events_event_cancel", event.id)
    assert boss.post(address, {"reason": ""}).status_code == 200
    event.refresh_from_db()
    assert event.status == Event.Status.PUBLISHED
    boss.post(address, {"reason": "Lluvia"})
    event.refresh_from_db()
    assert event.status == Event.Status.CANCELLED
    assert OutboxMessage.objects.get(type="ticket.expire").payload["refund_paid"] is True
    assert "status" in boss.get(page("events_event_change", event.id)).context["adminform"].readonly_fields


def form_of(event: Event, **changes: str) -> dict[str, str]:
    fields = {
        "name": event.name, "venue": str(event.venue_id), "status": "published", "hold_minutes": "15",
        "starts_at": "2127-01-01T20:00",
        "sales_open_at": "2026-01-01T10:00",
    }  # fmt: skip
    return fields | changes


def test_a_change_of_an_event_leaves_who_made_it(event: Event, boss: Client) -> None:
    answer = boss.post(page("events_event_change", event.id), form_of(event, name="Otro nombre"))
    assert answer.status_code == 302
    entry = AuditEntry.objects.get(action="event_changed")
    assert entry.by == "staff:user-None"
    assert "name" in entry.detail["fields"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"status": "cancelled"}, "cancelled"),
        ({"sales_close_at": "2025-01-01T10:00"}, "La venta debe cerrar después de abrir"),
        ({"starts_at": "2025-01-01T20:00"}, "La venta debe abrir antes del comienzo"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(
    event: Event, boss: Client, changes: dict[str, str], sentence: str
) -> None:
    answer = boss.post(page("events_event_change", event.id), form_of(event, **changes))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()


def test_a_venue_with_a_plan_is_made_from_few_numbers(boss: Client) -> None:
    boss.post(page("venues_venue_add"), {"name": "Teatro Nuevo", "city": "Talca"})
    venue = Venue.objects.get(name="Teatro Nuevo")
    assert AuditEntry.objects.get(action="venue_added").detail["venue"] == "Teatro Nuevo"
    rows: dict[str, Any] = {"form-TOTAL_FORMS": "3", "form-INITIAL_FORMS": "0", "curved": "on"}
    first = {"name": "Platea", "rows": "3", "seats": "10", "aisles_after": "5", "missing": "A-1, b-10", "level": "1"}
    second = {"name": "Palco", "row_prefix": "PA", "rows": "1", "seats": "4", "level": "2"}
    rows |= {f"form-{n}-{key}": value for n, row in enumerate((first, second)) for key, value in row.items()}
    tried = boss.post(page("venues_venue_plan", venue.id), rows | {"_preview": ""})
    assert len(tried.context["picture"].dots) == 32
    assert not PlanSeat.objects.filter(section__venue=venue).exists()
    kept = boss.post(page("venues_venue_plan", venue.id), rows | {"_save": ""}, follow=True)
    assert "El plano tiene 32 asientos" in kept.content.decode()
    again = boss.get(page("venues_venue_plan", venue.id)).context["formset"].initial
    assert again[0] | {"missing": "A-1, B-10"} == again[0]
    assert [row["name"] for row in again] == ["Platea", "Palco"]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"name": "Platea", "rows": "3"}, "Indique un número"),
        ({"rows": "3", "seats": "2"}, "Indique el nombre del sector"),
        ({"name": "Platea", "rows": "1", "seats": "2", "missing": "x"}, "«X» no es un asiento como A-1"),
        ({"name": "Platea", "rows": "1", "seats": "2", "aisles_after": "dos"}, "separados por comas"),
        ({"name": "Platea", "rows": "1", "seats": "2", "aisles_after": "9"}, "no hay pasillo después del asiento 9"),
    ],
)
def test_numbers_that_make_no_plan_are_explained(boss: Client, row: dict[str, str], sentence: str) -> None:
    venue = Venue.objects.create(name="Teatro")
    rows = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "_save": ""}
    rows |= {f"form-0-{key}": value for key, value in row.items()}
    answer = boss.post(page("venues_venue_plan", venue.id), rows)
    assert sentence in answer.content.decode()
    assert not PlanSeat.objects.exists()


def test_a_reservation_is_found_by_whatever_a_customer_can_tell(event: Event, office: Client) -> None:
    wanted = hold(event, "A-1", rut=12_345_678, name="Ana María Soto", email="ana@example.cl").reservation
    hold(event, "B-1", rut=9_999_999, name="Otro", email="otro@example.cl")
    shown = format_rut(12_345_678)
    typed = [wanted.code, wanted.code.lower(), wanted.code.replace("-", ""), shown, shown.replace(".", "")]
    typed += ["123456785", "12345678", "ana maría", "ana@example", "a-1"]
    assert all(found(office, text) == [wanted.code] for text in typed)
    assert found(office, "12.345.678-9") == []
    assert found(office, "\x00") == found(office, "") != []


@pytest.mark.parametrize("status", ["held", "cancelling", "confirmed", "released"])
def test_reservations_are_filtered_by_status(event: Event, office: Client, status: str) -> None:
    codes = {}
    for number, (label, kind) in enumerate(
        {"A-1": "held", "A-2": "cancelling", "A-3": "PAID", "A-4": "EXPIRED"}.items()
    ):
        held = hold(event, label, rut=number + 1)
        if kind.isupper():
            apply_ticket_states([TicketState(id=held.lines[0].ticket_id, status=kind, generation=1, n=1)])
        name = {"PAID": "confirmed", "EXPIRED": "released"}.get(kind, kind)
        codes[name] = held.reservation.code
    office.post(page("reservations_reservation_cancel", 0 + Reservation.objects.get(code=codes["cancelling"]).id),
                {"reason": "x", "confirm": ""})  # fmt: skip
    answer = office.get(page("reservations_reservation_changelist"), {"status": status})
    assert [reservation.code for reservation in answer.context["cl"].result_list] == [codes[status]]


def test_the_action_cancels_the_chosen_ones_after_a_reason(event: Event, office: Client) -> None:
    one, two = hold(event, "A-1", rut=1), hold(event, "A-2", rut=2)
    apply_ticket_states([TicketState(id=two.lines[0].ticket_id, status="PAID", generation=1, n=1)])
    chosen = {"action": "cancel", "_selected_action": [one.reservation.id, two.reservation.id]}
    address = page("reservations_reservation_changelist")
    asked = office.post(address, chosen)
    assert "Motivo" in asked.content.decode()
    assert not OutboxMessage.objects.filter(type="ticket.expire").exists()
    answer = office.post(address, chosen | {"confirm": "", "reason": "Pidió por teléfono"}, follow=True)
    (message,) = OutboxMessage.objects.filter(type="ticket.expire")
    assert (message.aggregate, message.payload["reason"]) == (one.reservation.code, "cancelled_by_staff")
    assert message.payload["by"] == "staff:user-Boletería"
    assert AuditEntry.objects.get(action="asked_to_end").detail["note"] == "Pidió por teléfono"
    text = " ".join(str(message) for message in answer.context["messages"])
    assert f"{two.reservation.code}: La reserva ya está pagada" in text
    assert statuses(event, "A-1") == ["reserved"]


def test_a_reservation_shows_its_history(event: Event, office: Client) -> None:
    held = hold(event, "A-1")
    apply_ticket_states([TicketState(id=held.lines[0].ticket_id, status="PAID", generation=1, n=1)])
    text = office.get(page("reservations_reservation_change", held.reservation.id)).content.decode()
    for word in ("reservó", "pagada", "billing", "rut:12345678", held.lines[0].ticket_id, "$10.000"):
        assert word in text


def test_the_audit_is_filtered_by_what_was_done(event: Event, auditor: Client) -> None:
    hold(event, "A-1")
    answer = auditor.get(page("reservations_auditentry_changelist"), {"action": "reserved"})
    assert [entry.action for entry in answer.context["cl"].result_list] == ["reserved"]


def test_the_first_page_shows_how_full_the_next_events_are(event: Event, office: Client) -> None:
    hold(event, "A-1", "A-2")
    text = office.get(page("index")).content.decode()
    assert "Próximos eventos" in text
    assert "2 / 24" in text


def test_an_event_with_a_history_is_not_deleted(event: Event, boss: Client) -> None:
    assert boss.post(page("events_event_delete", event.id), {"post": "yes"}).status_code == 403
    assert boss.post(page("venues_venue_delete", event.venue_id), {"post": "yes"}).status_code in (200, 403)
    assert Venue.objects.filter(id=event.venue_id).exists()


def test_a_list_of_many_takes_no_more_queries(event: Event, boss: Client) -> None:
    lists = [f"{name}_changelist" for name in (
        "reservations_reservation", "events_event", "venues_venue", "reservations_auditentry")]  # fmt: skip

    def queries() -> list[int]:
        found = []
        for name in lists:
            with CaptureQueriesContext(connection) as captured:
                assert boss.get(page(name)).status_code == 200
            found.append(len(captured))
        return found

    hold(event, "A-1")
    few = queries()
    for number, label in enumerate(("A-2", "A-3", "A-4", "B-1", "B-2"), start=1):
        hold(event, label, rut=number)
        make_event()
    assert queries() == few
    assert max(few) <= 14


def test_a_list_is_counted_no_further_than_anybody_leafs(
    event: Event, office: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, label in enumerate(("A-1", "A-2", "A-3"), start=1):
        hold(event, label, rut=number)
    monkeypatch.setattr(CappedPaginator, "MOST", 2)
    with CaptureQueriesContext(connection) as captured:
        answer = office.get(page("reservations_reservation_changelist"))
    assert (answer.context["cl"].result_count, answer.context["cl"].paginator.goes_on) == (2, True)
    counts = [
        query["sql"] for query in captured if "COUNT(" in query["sql"] and "reservations_reservation" in query["sql"]
    ]
    assert counts
    assert all("LIMIT 3" in sql for sql in counts)
