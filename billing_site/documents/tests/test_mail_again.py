"""A buyer lost a mail: the desk sends it once more."""

from typing import Any

import pytest

from billing_site.documents import services
from billing_site.documents.models import Mail
from billing_site.tickets.models import AuditEntry
from billing_site.tickets.tests.factories import arrived_order

pytestmark = pytest.mark.django_db


def sent(**changes: Any) -> Mail:
    arrived_order(email="ana@example.cl")
    mail = Mail.objects.get()
    Mail.objects.update(status=Mail.Status.SENT, **changes)
    mail.refresh_from_db()
    return mail


def again(client: Any, mail: Mail) -> str:
    return client.post(f"/admin/documents/mail/{mail.pk}/again/", follow=True).content.decode()


def test_a_sent_mail_goes_out_once_more_and_the_audit_says_who_asked(desk: Any) -> None:
    mail = sent()
    client = desk("support")
    assert "El correo se envía otra vez." in again(client, mail)
    copy = Mail.objects.latest("id")
    assert (copy.kind, copy.to, copy.status, copy.order) == (mail.kind, mail.to, "due", mail.order)
    again(client, mail)
    assert Mail.objects.count() == 3
    entries = AuditEntry.objects.filter(action="mail.copied", by="Bruno (22.222.222-2)", order=mail.order)
    assert entries.count() == 2


def test_it_goes_to_the_orders_address_of_today(desk: Any) -> None:
    mail = sent(to="typo@example.cl")
    again(desk("support"), mail)
    assert Mail.objects.latest("id").to == "ana@example.cl"


def test_a_mail_that_was_given_up_is_tried_again_and_not_doubled(desk: Any) -> None:
    mail = sent()
    Mail.objects.update(status=Mail.Status.FAILED)
    again(desk("support"), mail)
    assert Mail.objects.get().status == Mail.Status.DUE


@pytest.mark.parametrize("status", [Mail.Status.DUE, Mail.Status.SENDING, Mail.Status.OBSOLETE])
def test_a_mail_that_is_on_its_way_is_not_doubled(desk: Any, status: str) -> None:
    mail = sent()
    Mail.objects.update(status=status)
    assert "no se puede enviar otra vez" in again(desk("support"), mail)
    assert Mail.objects.count() == 1


def test_a_mail_with_a_link_that_opens_an_account_is_never_copied() -> None:
    order = arrived_order()
    mail = Mail.objects.create(key="k", kind="claim_link", to="a@example.cl", order=order, status=Mail.Status.SENT)
    assert not services.send_copy(mail=mail, by="test")


@pytest.mark.parametrize("role", ["auditor", "finance", "gate"])
def test_who_may_not_send_it_does_not(desk: Any, role: str) -> None:
    mail = sent()
    assert desk(role).post(f"/admin/documents/mail/{mail.pk}/again/").status_code == 403
    assert Mail.objects.count() == 1
