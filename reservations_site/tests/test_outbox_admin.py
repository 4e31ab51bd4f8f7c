"""What could not be carried is sent again or put aside by staff, who are asked first."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from middleware_worker.outbox.models import OutboxMessage
from reservations_site.events.models import Event
from reservations_site.events.tests.factories import hold
from reservations_site.tests.test_admin import groups, member  # noqa: F401 (fixture)

State = OutboxMessage.State


@pytest.mark.parametrize(("action", "after"), [("replay", State.OPEN), ("discard", State.DISCARDED)])
def test_a_rejected_message_is_asked_about_before_anything_happens(
    event: Event,
    groups: None,  # noqa: F811
    action: str,
    after: int,
) -> None:
    hold(event, "A-1")
    row = OutboxMessage.objects.get()
    OutboxMessage.objects.update(state=State.REJECTED, last_error="billing says no")
    client, url = member(None), reverse("admin:outbox_outboxmessage_changelist")
    data = {"action": action, "_selected_action": [str(row.pk)]}
    asked = client.post(url, data)
    assert asked.status_code == 200
    assert "billing says no" in asked.content.decode()
    assert OutboxMessage.objects.get().state == State.REJECTED
    assert client.post(url, data | {"confirmed": "1"}).status_code == 302
    assert OutboxMessage.objects.get().state == after
    (entry,) = LogEntry.objects.filter(object_id=str(row.pk))
    assert entry.change_message == {"replay": "Enviado de nuevo", "discard": "Descartado"}[action]


def test_a_message_that_is_under_way_is_left_alone(event: Event, groups: None) -> None:  # noqa: F811
    hold(event, "A-1")
    row = OutboxMessage.objects.get()
    url = reverse("admin:outbox_outboxmessage_changelist")
    data = {"action": "discard", "_selected_action": [str(row.pk)], "confirmed": "1"}
    said = member(None).post(url, data, follow=True).content.decode()
    assert "Ninguno de los elegidos está rechazado" in said
    assert OutboxMessage.objects.get().state == State.OPEN
