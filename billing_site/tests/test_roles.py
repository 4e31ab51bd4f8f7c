"""Every role against every page and action of the desk: each sees and does what is theirs, and the audit tells."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from billing_site.dead_letters import services as dead_letters
from billing_site.dead_letters.models import DeadLetter
from billing_site.documents.models import Document, Mail
from billing_site.event_refunds import services as event_refunds
from billing_site.event_refunds.models import EventRefund
from billing_site.event_refunds.selectors import subjects
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.payments.refunds import refund_ticket
from billing_site.payments.services import pay
from billing_site.tickets import services as tickets
from billing_site.tickets.models import Admission, AuditEntry, Order, Ticket
from billing_site.tickets.tests.factories import arrived_order, outside_order, tickets_of
from middleware_worker.outbox.models import OutboxMessage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]

ROLES = ("gate", "box office", "support", "finance", "auditor")
COUNTER = {"box office", "support", "auditor"}
SOLD = COUNTER | {"finance"}
EVERYBODY = set(ROLES)
NOBODY: set[str] = set()

# Who may open which list, and a row of it.
MODELS = {
    "auth_group": NOBODY,
    "outbox_outboxmessage": {"box office", "auditor"},
    "accounts_person": COUNTER,
    "tickets_ticket": SOLD,
    "tickets_order": SOLD,
    "tickets_admission": COUNTER,
    "tickets_auditentry": {"auditor"},
    "payments_paymentattempt": SOLD,
    "payments_refund": SOLD,
    "documents_document": COUNTER,
    "documents_mail": COUNTER,
    "dead_letters_deadletter": {"box office", "auditor"},
}
PAGES = {
    "index": EVERYBODY,
    "password_change": EVERYBODY,
    "password_change_done": EVERYBODY,
    "jsi18n": EVERYBODY,
    "search": SOLD,
    "carriage": {"box office", "auditor"},
    "check_in": {"gate"},
    "sums": {"finance", "auditor"},
    "event_refunds": {"finance", "auditor"},
    "event_refund_new": {"finance"},
    "event_refund": {"finance", "auditor"},
    "accounts_person_identity": {"box office"},
    "auth_user_password_change": NOBODY,
    "tickets_ticket_pdf": COUNTER,
}
# Only superusers add, change or delete by hand; the history of Django's own log is theirs too.
for name, who in MODELS.items():
    PAGES |= {f"{name}_changelist": who, f"{name}_change": who, f"{name}_history": who}
    PAGES |= {f"{name}_add": NOBODY, f"{name}_delete": NOBODY}
# No pages of the desk: they answer to nobody in particular, or only to POST (see ACTIONS).
OTHERS = {"login", "logout", "language", "autocomplete", "view_on_site", "app_list", "documents_mail_again"}


class Scene(NamedTuple):
    """One row of each kind."""

    rows: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.rows[name]


@pytest.fixture
def scene(db: None) -> Scene:
    order = arrived_order(3, email="ana@example.cl")
    pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    used, refunded, paid = tickets_of(order)
    tickets.check_in(ticket=used.external_id, gate="Norte", by="test")
    refund_ticket(ticket=refunded, reason="x", by="test")
    Refund.objects.update(status=Refund.Status.FAILED)
    Mail.objects.update(status=Mail.Status.SENT)
    outside_order()
    (subject,) = [found for found in subjects() if found.event_id is None]
    event_refund = event_refunds.start(subject=subject, reason="x", by="test")
    rows = {
        "auth_group": Group.objects.first(),
        "outbox_outboxmessage": OutboxMessage.objects.first(),
        "accounts_person": order.person,
        "tickets_ticket": Ticket.objects.get(pk=paid.pk),
        "tickets_order": order,
        "tickets_admission": Admission.objects.get(),
        "tickets_auditentry": AuditEntry.objects.first(),
        "payments_paymentattempt": PaymentAttempt.objects.get(),
        "payments_refund": Refund.objects.get(),
        "documents_document": Document.objects.first(),
        "documents_mail": Mail.objects.filter(order=order).first(),
        "dead_letters_deadletter": dead_letters.store(
            queue="new_ticket", code="not_json", reason="x", body=b"x", delivery_id="1"
        ),
        "event_refund": event_refund,
        "subject": subject,
    }
    return Scene(rows)


def pattern_names(patterns: list[Any]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from pattern_names(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


def address(name: str, scene: Scene) -> str:
    if name == "event_refund_new":
        return reverse("admin:event_refund_new") + "?" + urlencode({"event": scene["subject"].value})
    if name == "event_refund":
        return reverse("admin:event_refund", args=[scene["event_refund"].pk])
    if name in {"accounts_person_identity", "auth_user_password_change"}:
        return reverse(f"admin:{name}", args=[scene["accounts_person"].pk])
    if name == "tickets_ticket_pdf":
        return reverse(f"admin:{name}", args=[scene["tickets_ticket"].pk])
    model, _sep, kind = name.rpartition("_")
    with_row = model in MODELS and kind in {"change", "history", "delete"}
    return reverse(f"admin:{name}", args=[scene[model].pk] if with_row else [])


def test_the_matrix_knows_every_page_of_the_desk() -> None:
    assert set(pattern_names(admin.site.get_urls())) == set(PAGES) | OTHERS


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_pages_and_no_other(desk: Any, scene: Scene, role: str) -> None:
    client = desk(role)
    client.raise_request_exception = True
    refused = {name for name in PAGES if client.get(address(name, scene)).status_code == 403}
    assert refused == {name for name, who in PAGES.items() if role not in who}


def test_nobody_opens_anything_without_a_login(client: Client, scene: Scene) -> None:
    for name in set(PAGES) - {"jsi18n"}:
        response = client.get(address(name, scene))
        assert response.status_code == 302, name
        assert "/login/" in response.headers["Location"], name


# Who may do what; each thing is spelt out in `actions`.
WHO = {
    "refund": {"box office", "finance"},
    "money back again": {"box office", "finance"},
    "check in": {"gate"},
    "mail again": {"box office", "support"},
    "mails again": {"box office", "support"},
    "document again": {"box office", "support"},
    "replay": {"box office"},
    "discard": {"box office"},
    "verify": {"box office"},
    "verify many": {"box office"},
    "hand over": {"box office"},
    "pause": {"finance"},
}


class Action(NamedTuple):
    """Something that changes money, entry, or what people are told; `audited` is what the log calls it."""

    audited: str
    url: str
    data: dict[str, Any]


def chosen(model: str, action: str, scene: Scene, **more: str) -> tuple[str, dict[str, Any]]:
    data = {"action": action, "_selected_action": [str(scene[model].pk)], **more}
    return reverse(f"admin:{model}_changelist"), data


def actions(scene: Scene) -> dict[str, Action]:
    row = scene["event_refund"]
    ticket, order, mail = scene["tickets_ticket"], scene["tickets_order"], scene["documents_mail"]
    identity = reverse("admin:accounts_person_identity", args=[order.person_id])
    at_the_gate = {"event": f"id:{order.event_id}", "gate": "Norte", "text": ticket.external_id}
    sure = {"confirmed": "1"}
    return {
        "refund": Action("ticket.refunded", *chosen("tickets_ticket", "refund", scene, **sure, reason="x")),
        "money back again": Action("refund.try_again", *chosen("payments_refund", "try_again", scene)),
        "check in": Action("ticket.used", reverse("admin:check_in"), at_the_gate),
        "mail again": Action("mail.copied", reverse("admin:documents_mail_again", args=[mail.pk]), {}),
        "mails again": Action("mail.copied", *chosen("documents_mail", "send_again", scene)),
        "document again": Action("document.issue_again", *chosen("documents_document", "issue_again", scene)),
        "replay": Action("dead_letter.refused_again", *chosen("dead_letters_deadletter", "replay", scene, **sure)),
        "discard": Action("dead_letter.discarded", *chosen("dead_letters_deadletter", "discard", scene, **sure)),
        "verify": Action("person.verified", identity, {}),
        "verify many": Action("person.verified", *chosen("accounts_person", "verify", scene)),
        "hand over": Action("account.handed_over", identity, {"hand_over": "1", "email": "nueva@example.cl"}),
        "pause": Action("event_refund.paused", reverse("admin:event_refund", args=[row.pk]), {"action": "pause"}),
    }


@pytest.mark.parametrize(("name", "role"), [(name, role) for name, roles in WHO.items() for role in sorted(roles)])
def test_each_role_does_what_is_theirs_and_the_audit_says_who_did_it(
    desk: Any, scene: Scene, name: str, role: str
) -> None:
    action = actions(scene)[name]
    desk(role).post(action.url, action.data)
    assert AuditEntry.objects.filter(action=action.audited, by="Bruno (22.222.222-2)").exists()


@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_a_roles_own_changes_nothing_when_it_is_sent_by_hand(desk: Any, scene: Scene, role: str) -> None:
    client, before = desk(role), state()
    found = actions(scene)
    assert set(found) == set(WHO)
    for name, action in found.items():
        if role not in WHO[name]:
            client.post(action.url, action.data)
            assert state() == before, name
    assert not AuditEntry.objects.filter(by__startswith="Bruno").exists()


def test_every_action_that_lists_offer_is_in_the_matrix(scene: Scene) -> None:
    offered = {
        (f"{model._meta.label_lower.replace('.', '_')}", name)
        for model, options in admin.site._registry.items()
        for name in options.actions or ()
    }
    known = {
        (action.url.removeprefix("/admin/").strip("/").replace("/", "_"), action.data["action"])
        for action in actions(scene).values()
        if "_selected_action" in action.data
    }
    # The outbox's own actions have their tests with the outbox.
    assert {(model, name) for model, name in offered if not model.startswith("outbox_")} == known


def state() -> list[Any]:
    """All that an action may change."""
    return [
        list(Ticket.objects.order_by("pk").values_list("pk", "status", "version")),
        list(Order.objects.order_by("pk").values_list("pk", "claimed_at")),
        list(Refund.objects.order_by("pk").values_list("pk", "status")),
        list(Mail.objects.order_by("pk").values_list("pk", "status")),
        list(DeadLetter.objects.order_by("pk").values_list("pk", "status", "code")),
        list(EventRefund.objects.order_by("pk").values_list("pk", "status")),
        Admission.objects.count(),
        OutboxMessage.objects.count(),
    ]
