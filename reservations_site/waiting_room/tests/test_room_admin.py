"""The room on the event's pages: settings, the chart, pause, and who did it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from reservations_site.events.models import Event
from reservations_site.events.tests.factories import hold
from reservations_site.reservations.models import AuditEntry
from reservations_site.tests.test_admin import groups, member  # noqa: F401 (fixture)
from reservations_site.waiting_room import figures, selectors
from reservations_site.waiting_room.models import Place, Room
from reservations_site.waiting_room.tests.factories import join, let_in, make_room, tick

SETTINGS = {"in_use": "on", "rate": "90", "minutes": "8", "purchases": "1", "save": "Guardar"}


@pytest.fixture
def boss(groups: None) -> Client:  # noqa: F811
    selectors.forget()
    return member(None)


def page(event: Event, part: str = "") -> str:
    return f"/admin/events/event/{event.pk}/room/{part}"


def at(moment: object) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M")  # type: ignore[arg-type]


def test_staff_open_a_room_change_it_and_it_is_recorded(event: Event, boss: Client) -> None:
    opens = timezone.now() + timedelta(hours=3)
    assert "Abrir una sala de espera" in boss.get(page(event)).content.decode()
    assert boss.post(page(event), SETTINGS | {"opens_at": at(opens)}).status_code == 302
    room = Room.objects.get()
    assert (room.rate, room.minutes, room.purchases, at(room.opens_at)) == (90, 8, 1, at(opens))
    boss.post(page(event), SETTINGS | {"opens_at": at(opens), "rate": "30"})
    entries = AuditEntry.objects.filter(action__startswith="room_").order_by("id")
    assert [(entry.action, entry.detail["changes"][-1]) for entry in entries] == [
        ("room_added", "purchases=1"),
        ("room_changed", "rate=30"),
    ]
    assert "Ajustes" in boss.get(page(event)).content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"opens_at": "2020-01-01T10:00"}, "cuando la venta ya está abierta"),
        ({"opens_at": "2099-01-01T10:00"}, "antes de que cierre la venta"),
        ({"rate": "0"}, "tf-error"),
        ({"minutes": "121"}, "tf-error"),
    ],
)
def test_what_makes_no_sense_is_refused(event: Event, boss: Client, change: dict[str, str], words: str) -> None:
    answer = boss.post(page(event), SETTINGS | {"opens_at": at(timezone.now() + timedelta(hours=1))} | change)
    assert words in answer.content.decode()
    assert not Room.objects.exists()


def test_the_live_part_shows_counters_and_a_chart(event: Event, boss: Client) -> None:
    make_room(event, rate=60)
    admission = let_in(event)
    hold(event, "A-1", admission=admission)
    Room.objects.update(last_number=1, door=1)
    join(event, 3)
    tick(event)
    for html in (boss.get(page(event)).content.decode(), boss.get(page(event, "live/")).content.decode()):
        assert "Abierta" in html
        assert html.count("<polyline") == 3
        assert "sorteó los lugares" in html
    chart = figures.chart(Room.objects.get())
    assert chart is not None
    assert [(line.kind, line.last) for line in chart.lines] == [("waiting", 2), ("inside", 2), ("bought", 1)]


def test_the_chart_spans_hours_in_few_points(event: Event, boss: Client) -> None:
    room = make_room(event)
    now = timezone.now()
    Place.objects.bulk_create(
        Place(room=room, browser=None, created_at=now - timedelta(minutes=minute)) for minute in range(0, 600, 2)
    )
    chart = figures.chart(room)
    assert chart is not None
    assert len(chart.lines[0].points.split()) <= figures.MOST_POINTS + 1
    assert chart.lines[0].last >= 299


def test_staff_pause_and_resume(event: Event, boss: Client) -> None:
    make_room(event)
    boss.post(page(event), {"pause": "1"})
    assert Room.objects.get().is_paused
    assert "Reanudar la entrada" in boss.get(page(event)).content.decode()
    boss.post(page(event), {"resume": "1"})
    assert not Room.objects.get().is_paused


def test_once_drawn_the_opening_stays(event: Event, boss: Client) -> None:
    make_room(event)
    tick(event)
    before = Room.objects.get().opens_at
    boss.post(page(event), SETTINGS | {"opens_at": at(timezone.now() + timedelta(hours=5))})
    room = Room.objects.get()
    assert (room.opens_at, room.rate) == (before, 90)


def test_who_may_not_change_the_event_only_looks(event: Event, groups: None) -> None:  # noqa: F811
    make_room(event)
    office = member("Boletería")
    html = office.get(page(event)).content.decode()
    assert "Cómo va" in html
    assert 'name="save"' not in html
    assert office.post(page(event), {"pause": "1"}).status_code == 403
