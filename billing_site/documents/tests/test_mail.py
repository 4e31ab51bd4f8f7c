"""Documents and mails: written with the payment, issued once each, and never lost when a job is killed."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.db import transaction
from django.utils import timezone
from pypdf import PdfReader

from billing_site.accounts.models import Person
from billing_site.documents import jobs, mails, pdf, services
from billing_site.documents.models import Document, Mail
from billing_site.payments import refunds
from billing_site.payments import services as payments
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.tickets import services as tickets
from billing_site.tickets.models import AuditEntry, Order, Ticket
from billing_site.tickets.tests.factories import arrived_order, outside_order, tickets_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]
BUYER = "ana@example.cl"


class Killed(BaseException):
    """What a killed process leaves: no handler runs."""


def paid(seats: int = 1, **changes: Any) -> Order:
    order = arrived_order(seats, **{"email": BUYER, "name": "Ana Núñez", **changes})
    Mail.objects.filter(kind="order_received").delete()
    payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    return order


def make_due() -> None:
    past = timezone.now() - timedelta(seconds=1)
    Mail.objects.update(next_try_at=past)
    Document.objects.update(next_try_at=past)


def attachments(message: Any) -> list[tuple[str, bytes, str]]:
    return [(a.filename, a.content, a.mimetype) for a in message.attachments]


def test_a_payment_is_followed_by_one_mail_with_every_ticket_attached() -> None:
    order = paid(2)
    assert jobs.issue_due() == 2
    assert jobs.send_due() == 1
    (message,) = outbox.outbox
    assert message.to == [BUYER]
    assert message.subject == "Tus boletos para Concierto Rock Nacional"
    names = [name for name, _content, _type in attachments(message)]
    assert names == ["boleto-1.pdf", "boleto-2.pdf"]
    for (_name, content, kind), ticket in zip(attachments(message), tickets_of(order), strict=True):
        assert kind == "application/pdf"
        assert ticket.external_id in PdfReader(io.BytesIO(content)).pages[0].extract_text()
    link = f"/orden/{order.code}"
    assert link in message.body
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    assert f'href="{settings.PORTAL_URL}{link}"' in html
    assert "$10.000" in html


def test_the_mail_waits_until_every_document_is_ready() -> None:
    paid(2)
    assert jobs.send_due() == 0
    assert jobs.issue_due(limit=1) == 1
    assert jobs.send_due() == 0
    assert jobs.issue_due() == 1
    assert jobs.send_due() == 1


def test_mail_and_document_roll_back_with_the_payment() -> None:
    order = arrived_order(email=BUYER)
    Mail.objects.all().delete()

    @transaction.atomic
    def killed_before_its_commit() -> None:
        Ticket.objects.filter(order=order).update(status="PAID")
        services.order_paid(order=order)
        assert Document.objects.exists()
        raise Killed

    with pytest.raises(Killed):
        killed_before_its_commit()
    assert not Document.objects.exists()
    assert not Mail.objects.exists()


def test_saying_twice_that_an_order_is_paid_issues_nothing_twice() -> None:
    order = paid()
    services.order_paid(order=order)
    jobs.issue_due()
    jobs.send_due()
    services.order_paid(order=order)
    make_due()
    assert jobs.issue_due() == 0
    assert jobs.send_due() == 0
    assert Document.objects.count() == 1
    assert len(outbox.outbox) == 1


def test_a_job_killed_after_sending_sends_again_with_the_same_message_id(monkeypatch: pytest.MonkeyPatch) -> None:
    paid()
    jobs.issue_due()
    with monkeypatch.context() as patched:

        def killed(*args: Any, **kwargs: Any) -> None:
            raise Killed

        patched.setattr(jobs, "_settle", killed)
        with pytest.raises(Killed):
            jobs.send_due()
    assert Mail.objects.get().status == Mail.Status.SENDING
    # Its claim still holds: another process leaves it alone.
    assert jobs.send_due() == 0
    make_due()
    assert jobs.send_due() == 1
    first, second = outbox.outbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
    assert attachments(first) == attachments(second)
    assert Mail.objects.get().status == Mail.Status.SENT
    make_due()
    assert jobs.send_due() == 0


def test_a_job_killed_while_it_renders_leaves_the_document_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    paid()
    with monkeypatch.context() as patched:

        def killed(ticket: Ticket) -> bytes:
            raise Killed

        patched.setattr(pdf, "render", killed)
        with pytest.raises(Killed):
            jobs.issue_due()
    assert jobs.issue_due() == 0
    make_due()
    assert jobs.issue_due() == 1
    assert Document.objects.get().ready_at is not None


def test_different_mails_have_different_message_ids() -> None:
    assert mails.message_id("paid:1") != mails.message_id("paid:2")
    assert mails.message_id("paid:1") == mails.message_id("paid:1")


def test_a_mail_server_that_refuses_is_asked_later_and_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    paid()
    jobs.issue_due()
    settings.EMAIL_BACKEND = "billing_site.documents.tests.backends.Refusing"
    assert jobs.send_due() == 1
    mail = Mail.objects.get()
    assert (mail.status, mail.tries) == (Mail.Status.DUE, 1)
    assert mail.next_try_at > timezone.now()
    assert "mailbox unavailable" in mail.error
    assert jobs.send_due() == 0
    for _ in range(jobs.MAX_MAIL_TRIES - 1):
        make_due()
        jobs.send_due()
    mail.refresh_from_db()
    assert mail.status == Mail.Status.FAILED
    make_due()
    assert jobs.send_due() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert services.send_again(mail=mail, by="Bruno")
    assert not services.send_again(mail=mail, by="Bruno")
    assert jobs.send_due() == 1
    assert AuditEntry.objects.get(action="mail.send_again").by == "Bruno"


def test_a_document_that_cannot_be_rendered_says_why_and_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    paid()

    def fails(ticket: Ticket) -> bytes:
        raise ValueError("no ink")

    with monkeypatch.context() as patched:
        patched.setattr(pdf, "render", fails)
        assert jobs.issue_due() == 1
    document = Document.objects.get()
    assert "no ink" in document.error
    assert jobs.issue_due() == 0
    assert services.issue_again(document=document, by="Bruno")
    assert jobs.issue_due() == 1
    document.refresh_from_db()
    assert (document.error, document.ready_at is not None) == ("", True)


def test_a_ticket_refunded_before_it_was_issued_gets_no_document_and_the_others_go_out() -> None:
    order = paid(2)
    first, second = tickets_of(order)
    refunds.refund_ticket(ticket=first, reason="x", by="test")
    assert jobs.issue_due() == 1
    assert jobs.send_due() == 2
    issued, refunded = sorted(outbox.outbox, key=lambda message: len(message.attachments), reverse=True)
    assert [content for _n, content, _t in attachments(issued)] == [services.document_for(second)]
    assert "Devolvimos" in refunded.subject
    assert "$5.000" in refunded.body
    with pytest.raises(services.NotIssued):
        services.document_for(Ticket.objects.get(pk=first.pk))


def test_an_order_refunded_whole_before_the_mail_went_out_gets_no_tickets_mailed() -> None:
    order = paid()
    refunds.refund_ticket(ticket=tickets_of(order)[0], reason="x", by="test")
    jobs.issue_due()
    jobs.send_due()
    assert [message.subject for message in outbox.outbox] == ["Devolvimos un boleto de Concierto Rock Nacional"]
    assert Mail.objects.get(kind="order_paid").status == Mail.Status.OBSOLETE


def test_a_cancelled_event_is_one_mail_that_says_what_comes_back() -> None:
    order = paid(3)
    used, first, second = tickets_of(order)
    tickets.check_in(ticket=used.external_id, gate="Norte", by="test")
    for _twice in range(2):
        tickets.expire_order(order=order, by="test", reason="event_cancelled", refund_paid=True)
    jobs.issue_due()
    jobs.send_due()
    told = [message for message in outbox.outbox if "canceló" in message.subject]
    assert [message.subject for message in told] == ["Se canceló Concierto Rock Nacional"]
    assert not Mail.objects.filter(kind="ticket_refunded").exists()
    for text in (told[0].body, told[0].alternatives[0][0]):
        assert "$10.000" in text
        assert text.count("$5.000") == 2
    assert first.pk != second.pk


def test_who_only_held_seats_of_a_cancelled_event_is_told_that_nothing_was_charged() -> None:
    order = arrived_order(email=BUYER)
    Mail.objects.all().delete()
    tickets.expire_order(order=order, by="test", reason="event_cancelled", refund_paid=True)
    jobs.send_due()
    assert "No se te cobró nada" in outbox.outbox[0].body
    assert "Te devolvemos" not in outbox.outbox[0].body


def test_a_reminder_to_pay_that_comes_too_late_is_not_sent() -> None:
    order = arrived_order(email=BUYER)
    payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
    jobs.issue_due()
    jobs.send_due()
    assert [message.subject for message in outbox.outbox] == ["Tus boletos para Concierto Rock Nacional"]
    assert Mail.objects.get(kind="order_received").status == Mail.Status.OBSOLETE


def test_a_reservation_is_mailed_with_its_link_and_until_when_it_can_be_paid() -> None:
    order = arrived_order(email=BUYER)
    jobs.send_due()
    (message,) = outbox.outbox
    assert f"/orden/{order.code}" in message.body
    assert "Págala antes" in message.body


def test_an_outside_ticket_is_mailed_to_nobody_while_nobody_proved_that_it_is_theirs() -> None:
    order = outside_order()
    Person.objects.filter(rut=order.person_id).update(email="someone@example.cl", email_confirmed_at=timezone.now())
    assert services.recipient(Order.objects.get(pk=order.pk)) == ""
    order.claimed_at = timezone.now()
    order.save()
    assert services.recipient(Order.objects.get(pk=order.pk)) == "someone@example.cl"


def test_a_mail_with_a_secret_link_forgets_it_once_it_was_sent() -> None:
    services.queue_mail(kind="registration", key="r:1", to=BUYER, context={"token": "s3cret/ñ"})
    jobs.send_due()
    assert "/cuenta/confirmar/s3cret%2F%C3%B1" in outbox.outbox[0].body
    assert Mail.objects.get().context == {}


@pytest.mark.parametrize("kind", [kind for kind, about in mails.KINDS.items() if "ticket" not in about.needs])
@pytest.mark.parametrize("language", ["es-cl", "en"])
def test_every_kind_of_mail_can_be_written_in_both_languages(kind: str, language: str) -> None:
    order = arrived_order(email=BUYER) if kind == "order_received" else paid()
    jobs.issue_due()
    context = {"token": "t", "code": order.code, "email": "a•••@b.cl", "refunded": [], "language": language}
    Mail.objects.all().delete()
    services.queue_mail(kind=kind, key="k", to=BUYER, context=context, order=order)
    assert jobs.send_due() == 1
    (message,) = outbox.outbox
    assert message.alternatives
    assert f"{settings.PORTAL_URL}/" in message.body
    assert "{%" not in message.body + message.alternatives[0][0]


def test_a_mail_of_unknown_kind_or_to_no_address_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        services.queue_mail(kind="nonsense", key="k", to=BUYER)
    with pytest.raises(ValueError, match="token"):
        services.queue_mail(kind="registration", key="k", to=BUYER)
    with pytest.raises(ValueError, match="no address"):
        services.queue_mail(kind="already_registered", key="k", to="nobody")


def test_keys_that_differ_only_in_case_are_two_mails() -> None:
    for key in ("k", "K", "k "):
        services.queue_mail(kind="already_registered", key=key, to=BUYER)
    assert Mail.objects.count() == 3


def test_the_document_of_a_ticket_is_preparing_and_then_ready() -> None:
    order = paid()
    (ticket,) = tickets_of(order)
    assert services.document_for(ticket) is None
    assert services.state_of([ticket]) == {ticket.pk: "preparing"}
    jobs.issue_due()
    assert (services.document_for(ticket) or b"").startswith(b"%PDF")
    assert services.state_of([ticket]) == {ticket.pk: "ready"}
