"""Each role at each page and each action of the box office: what it may it can, what it may not is refused.

The pages are those of the admin's own addresses: a new page that nobody put into the table fails here.
"""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from middleware_worker.outbox.models import OutboxMessage
from reservations_site.events.models import Event
from reservations_site.events.services import block_seats
from reservations_site.events.tests.factories import hold, seat_ids
from reservations_site.reservations.models import AuditEntry, Reservation
from reservations_site.tests.test_admin import groups, member  # noqa: F401 (fixture)
from reservations_site.venues.models import Venue

ROLES = ("Sin grupo", "Auditoría", "Boletería", "Producción", "Jefatura")
EVERYBODY = set(ROLES)
VIEWERS = EVERYBODY - {"Sin grupo"}
OFFICE, MAKERS, BOSS = VIEWERS - {"Auditoría"}, {"Producción", "Jefatura"}, {"Jefatura"}
READ = {"changelist": VIEWERS, "history": VIEWERS, "change": VIEWERS}
# Who may open each page. Of the rest of the staff each gets 403, and strangers the log-in.
PAGES: dict[str, dict[str, set[str]]] = {
    "events_event": READ | {
        "add": MAKERS, "delete": set(), "export": OFFICE, "seats": VIEWERS, "state": VIEWERS, "plan": MAKERS,
        "copy": MAKERS, "cancel": MAKERS, "ending": VIEWERS, "progress": VIEWERS, "room": VIEWERS, "room_live": VIEWERS,
    },
    "venues_venue": READ | {"add": MAKERS, "delete": BOSS, "plan": MAKERS},
    "reservations_reservation": READ | {"add": set(), "delete": set(), "export": OFFICE, "cancel": OFFICE},
    "reservations_auditentry": READ | {"add": set(), "delete": set(), "export": OFFICE},
    "outbox_outboxmessage": READ | {"add": set(), "delete": set()},
    "auth_user": dict.fromkeys(("changelist", "history", "change", "add", "delete", "password_change"), BOSS),
    "auth_group": dict.fromkeys(("changelist", "history", "change", "add", "delete"), BOSS),
}  # fmt: skip
# Pages that have to do with the person, not with what the person may.
OWN = {"index", "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n", "app_list",
       "view_on_site"}  # fmt: skip


@pytest.fixture
def clients(groups: None) -> dict[str, Client]:  # noqa: F811
    """A staff member of each role, and one without any."""
    Group.objects.get_or_create(name="Sin grupo")
    return {role: member(None if role == "Jefatura" else role) for role in ROLES}


@pytest.fixture
def scene(event: Event) -> dict[str, object]:
    """One row of everything: a held seat, a blocked one, a cancelled event beside."""
    held = hold(event, "A-1").reservation
    block_seats(event=event, seat_ids=seat_ids(event, "A-2"), reason="x", by="test")
    Event.objects.create(venue=event.venue, name="Anulado", starts_at=event.starts_at, status=Event.Status.CANCELLED)
    return {
        "events_event": event.pk,
        "venues_venue": event.venue_id,
        "reservations_reservation": held.pk,
        "reservations_auditentry": AuditEntry.objects.values_list("pk", flat=True).first(),
        "outbox_outboxmessage": OutboxMessage.objects.values_list("pk", flat=True).first(),
        "auth_user": User.objects.create_user("otra").pk,
        "auth_group": Group.objects.create(name="Otro").pk,
    }


def address(model: str, name: str, pk: object) -> str:
    if name in ("changelist", "add"):
        return reverse(f"admin:{model}_{name}")
    if name == "export":
        return reverse(f"admin:{model}_export", args=["csv"])
    if name in ("ending", "progress"):
        pk = Event.objects.get(status=Event.Status.CANCELLED).pk
    return reverse(f"admin:{model}_{name}", args=[pk])


def test_no_page_is_missing_from_the_table() -> None:
    names = {pattern.name for pattern in admin.site.urls[0] if getattr(pattern, "name", None)}
    for resolver in admin.site.urls[0]:
        names |= {pattern.name for pattern in getattr(resolver, "url_patterns", ()) if pattern.name}
    shown = {f"{model}_{name}" for model, pages in PAGES.items() for name in pages}
    assert names - OWN == shown


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_pages_and_no_other(
    role: str, clients: dict[str, Client], scene: dict[str, object]
) -> None:
    wrong = []
    for model, pages in PAGES.items():
        for name, allowed in pages.items():
            status = clients[role].get(address(model, name, scene[model])).status_code
            if status != (200 if role in allowed else 403):
                wrong.append(f"{model} {name}: {status}")
    assert wrong == []


def test_strangers_are_asked_to_log_in_everywhere(api: Client, scene: dict[str, object]) -> None:
    for model, pages in PAGES.items():
        for name in pages:
            answer = api.get(address(model, name, scene[model]))
            assert (answer.status_code, "/login/" in answer.get("Location", "")) == (302, True), (model, name)


def moment(day: int) -> str:
    return f"2127-01-{day:02}T20:00"


def form_of(event: Event) -> dict[str, str]:
    times = {"starts_at": moment(20), "sales_open_at": "2026-01-01T10:00"}
    return {"name": "Otro nombre", "status": "published", "hold_minutes": "15"} | times


Act = Callable[[Client, Event], HttpResponse]


def on_event(page: str, /, **body: str) -> Act:
    """The form of a page of the event; `{zone}` in a field's name is the event's zone."""

    def act(client: Client, event: Event) -> HttpResponse:
        zone = event.sections.get().pk
        fields = {key.format(zone=zone): value for key, value in body.items()}
        return client.post(reverse(f"admin:events_event_{page}", args=[event.pk]), fields)

    return act


def plan(client: Client, event: Event) -> HttpResponse:
    """Of an event of its own: nobody replaces seats that were ever reserved."""
    bare = Event.objects.create(venue=event.venue, name="Sin reservas", starts_at=event.starts_at)
    fields = {f"section_{event.venue.sections.get().pk}": "1000"}
    return client.post(reverse("admin:events_event_plan", args=[bare.pk]), fields)


def undo(client: Client, event: Event) -> HttpResponse:
    """Blocks and takes it back: the step is one's own."""
    seats = reverse("admin:events_event_seats", args=[event.pk])
    client.post(seats, {"labels": "B-1", "reason": "x", "block": ""})
    last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)[0]
    return client.post(seats, {"undo": str(last)})


def venue(client: Client, event: Event) -> HttpResponse:
    address = reverse("admin:venues_venue_change", args=[event.venue_id])
    return client.post(address, {"name": "Teatro nuevo", "address": "", "city": "Talca"})


def venue_plan(client: Client, event: Event) -> HttpResponse:
    rows = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "form-0-name": "Platea", "form-0-rows": "1"}
    address = reverse("admin:venues_venue_plan", args=[event.venue_id])
    return client.post(address, rows | {"form-0-seats": "3", "_save": ""})


def add_event(client: Client, event: Event) -> HttpResponse:
    return client.post(reverse("admin:events_event_add"), form_of(event) | {"venue": str(event.venue_id)})


def change_event(client: Client, event: Event) -> HttpResponse:
    return client.post(reverse("admin:events_event_change", args=[event.pk]), form_of(event))


def add_venue(client: Client, event: Event) -> HttpResponse:
    return client.post(reverse("admin:venues_venue_add"), {"name": "Otro", "address": "", "city": ""})


def cancel_reservation(client: Client, event: Event) -> HttpResponse:
    pk = Reservation.objects.get().pk
    body = {"confirm": "", "reason": "x"}
    return client.post(reverse("admin:reservations_reservation_cancel", args=[pk]), body)


# What changes events, prices, blocks, venues or reservations: the trace that it leaves, who may, and how it is done.
ACTIONS: dict[str, tuple[set[str], Act]] = {
    "event_added": (MAKERS, add_event),
    "event_changed": (MAKERS, change_event),
    "event_copied": (MAKERS, on_event(
        "copy", name="Otra", starts_at=moment(21), sales_open_at=moment(1), **{"zone_{zone}": "5000"})),
    "plan_copied": (MAKERS, plan),
    "seats_blocked": (OFFICE, on_event("seats", labels="B-1", reason="x", block="")),
    "seats_unblocked": (OFFICE, on_event("seats", labels="A-2", unblock="")),
    "seats_zoned": (MAKERS, on_event("seats", labels="B-1", zone="", new_zone="VIP", price="9", move="")),
    "prices_changed": (MAKERS, on_event("seats", prices="", **{"zone_{zone}": "7"})),
    "step_undone": (OFFICE, undo),
    "event_cancelled": (MAKERS, on_event("cancel", reason="Lluvia")),
    "asked_to_end": (OFFICE, cancel_reservation),
    "venue_added": (MAKERS, add_venue),
    "venue_changed": (MAKERS, venue),
    "plan_built": (MAKERS, venue_plan),
}  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_does_what_it_may_and_leaves_its_trace(
    role: str, action: str, clients: dict[str, Client], scene: dict[str, object]
) -> None:
    event = Event.objects.get(pk=scene["events_event"])
    allowed, act = ACTIONS[action]
    answer = act(clients[role], event)
    entries = AuditEntry.objects.filter(action=action, by=f"staff:user-{None if role == 'Jefatura' else role}")
    if role in allowed:
        assert answer.status_code == 302, getattr(answer, "content", b"").decode()[-3000:]
        assert entries.count() == 1
    else:
        assert answer.status_code == 403
        assert not AuditEntry.objects.filter(by__startswith="staff:").exists()


def test_a_venue_that_goes_leaves_a_trace(clients: dict[str, Client]) -> None:
    gone = Venue.objects.create(name="Vacío")
    clients["Jefatura"].post(reverse("admin:venues_venue_delete", args=[gone.pk]), {"post": "yes"})
    assert AuditEntry.objects.get(action="venue_deleted").detail["venue"] == "Vacío"
