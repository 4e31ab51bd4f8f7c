"""Who sees which tickets, with two people who claim the same RUT. See docs/decisions/0003-claims.md."""

from collections.abc import Callable
from typing import Any

import pytest

from billing_site.accounts import claims, services, tokens
from billing_site.accounts.models import Person, Registration
from billing_site.documents.models import Mail
from billing_site.tickets.models import AuditEntry, Order, Ticket
from billing_site.tickets.tests.factories import RUT, arrived_order, outside_order

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "una-clave-larga-9"


def register(email: str, code: str = "", rut: int = RUT, name: str = "Ana") -> str:
    """The token in the mail that registering sends."""
    services.register(rut=rut, full_name=name, email=email, password=PASSWORD, code=code, by="test")
    mail = Mail.objects.filter(kind="registration", to=email.lower()).order_by("id").last()
    assert mail is not None
    return str(mail.context["token"])


def open_account(email: str, code: str = "", rut: int = RUT, name: str = "Ana") -> Person:
    return services.confirm(token=register(email, code, rut, name), by="test")


def sees(person: Person) -> set[int]:
    person.refresh_from_db()
    return set(Order.objects.filter(claims.visible_orders(person)).values_list("pk", flat=True))


def test_registering_alone_opens_nothing_and_occupies_nothing() -> None:
    register("thief@example.cl")
    person = Person.objects.filter(rut=RUT).first()
    assert person is None
    with pytest.raises(services.WrongCredentials):
        services.log_in(rut=RUT, email="", password=PASSWORD, address="1.2.3.4")
    assert open_account("ana@example.cl").email == "ana@example.cl"


def test_who_only_knows_the_rut_sees_none_of_its_tickets() -> None:
    before = arrived_order(email="ana@example.cl")
    stranger = open_account("stranger@example.cl")
    after = arrived_order(email="ana@example.cl")
    without_mail = arrived_order()
    assert sees(stranger) == set()
    assert {before.pk, after.pk, without_mail.pk}.isdisjoint(sees(stranger))


def test_a_booking_code_links_its_order_and_no_other() -> None:
    mine, other = arrived_order(2), arrived_order()
    person = open_account("ana@example.cl")
    claims.claim(person=person, code=mine.code, by="test")
    assert sees(person) == {mine.pk}
    assert AuditEntry.objects.filter(order=mine, action="order.claimed").count() == 1
    claims.claim(person=person, code=mine.code, by="test")
    assert AuditEntry.objects.filter(order=mine, action="order.claimed").count() == 1
    other.refresh_from_db()
    assert other.claimed_at is None


def test_a_booking_code_is_found_however_it_is_typed() -> None:
    order = arrived_order(order="TF-0A1B-2C3D-4E5F")
    for typed in ("tf-0a1b-2c3d-4e5f", " TF0A1B2C3D4E5F ", "TF oa1b 2c3d 4e5f", "tf–oaib–2c3d–4e5f"):
        assert claims.as_stored(typed) == order.code


def test_an_outside_id_that_looks_like_a_booking_code_stays_as_it_is() -> None:
    order = outside_order(id="tf0123456789ab")
    person = open_account("ana@example.cl")
    assert claims.claim(person=person, code="tf0123456789ab", by="test") == order
    assert claims.as_stored("TF0123456789AB") == "TF-0123-4567-89AB"


def test_an_outside_ticket_is_claimed_by_its_id_byte_by_byte() -> None:
    order = outside_order(id="Ext-Ab1")
    person = open_account("ana@example.cl")
    for wrong in ("ext-ab1", "EXT-AB1", "Ext-Ab1x", "Ext-Ab", ""):
        with pytest.raises(claims.NoSuchOrder):
            claims.claim(person=person, code=wrong, by="test")
    claims.claim(person=person, code=" Ext-Ab1 ", by="test")
    assert sees(person) == {order.pk}


def test_a_ticket_of_ours_is_no_proof_only_its_order_code_is() -> None:
    order = arrived_order()
    person = open_account("ana@example.cl")
    ticket = Ticket.objects.get(order=order)
    with pytest.raises(claims.NoSuchOrder):
        claims.claim(person=person, code=ticket.external_id, by="test")


def test_a_code_whose_order_names_another_rut_is_not_found() -> None:
    order = arrived_order(rut=7)
    person = open_account("ana@example.cl")
    with pytest.raises(claims.NoSuchOrder):
        claims.claim(person=person, code=order.code, by="test")
    order.refresh_from_db()
    assert order.claimed_at is None


def test_a_confirmed_address_that_the_order_carries_is_a_proof() -> None:
    mine, other = arrived_order(email="Ana@Example.cl"), arrived_order(email="bea@example.cl")
    accent = arrived_order(email="ána@example.cl")
    of_another_rut = arrived_order(rut=7, email="ana@example.cl")
    person = open_account("ANA@example.CL")
    assert sees(person) == {mine.pk}
    Person.objects.filter(pk=RUT).update(email_confirmed_at=None)
    assert sees(person) == set()
    assert {other.pk, accent.pk, of_another_rut.pk}.isdisjoint(sees(person))


def test_staff_who_saw_the_identity_card_open_every_ticket_of_the_rut() -> None:
    orders = {arrived_order().pk, arrived_order(email="x@example.cl").pk}
    arrived_order(rut=7)
    person = open_account("ana@example.cl")
    services.verify_person(person=person, by="staff:1")
    orders.add(arrived_order().pk)
    assert sees(person) == orders
    assert AuditEntry.objects.filter(person=person, action="person.verified", by="staff:1").count() == 1


@pytest.mark.parametrize("setting", [True, False])
def test_by_a_setting_one_proven_claim_verifies(settings: Any, setting: bool) -> None:
    settings.CLAIM_VERIFIES = setting
    mine, other = arrived_order(), arrived_order()
    person = open_account("ana@example.cl")
    assert sees(person) == set()
    claims.claim(person=person, code=mine.code, by="test")
    assert sees(person) == ({mine.pk, other.pk} if setting else {mine.pk})
    its, another = arrived_order(rut=7), arrived_order(rut=7)
    by_code = open_account("bea@example.cl", code=its.code, rut=7)
    assert sees(by_code) == ({its.pk, another.pk} if setting else {its.pk})


class TestTwoPeopleWithOneRut:
    """The owner of the RUT, and somebody else who wants it."""

    def test_a_squatter_who_came_first_yields_to_the_buyer_with_a_booking_code(self) -> None:
        squatter = open_account("squatter@example.cl")
        token = tokens.issue(squatter)
        order = arrived_order()
        owner = open_account("ana@example.cl", code=order.code)
        assert (owner.rut, owner.email) == (RUT, "ana@example.cl")
        assert sees(owner) == {order.pk}
        with pytest.raises(tokens.InvalidToken):
            tokens.holder(token)
        with pytest.raises(services.WrongCredentials):
            services.log_in(rut=None, email="squatter@example.cl", password=PASSWORD, address="1.2.3.4")
        assert AuditEntry.objects.filter(action="account.yielded").get().detail == {"email": "squatter@example.cl"}

    def test_a_squatter_yields_to_the_address_that_the_order_carries(self) -> None:
        open_account("squatter@example.cl")
        order = arrived_order(email="ana@example.cl")
        owner = open_account("ana@example.cl")
        assert sees(owner) == {order.pk}

    def test_without_proof_nobody_takes_an_account(self) -> None:
        owner = open_account("ana@example.cl")
        for code in ("", "TF-0000-0000-0000", arrived_order(rut=7).code):
            with pytest.raises(services.RutTaken):
                open_account("thief@example.cl", code=code)
        owner.refresh_from_db()
        assert owner.email == "ana@example.cl"

    def test_who_brings_proof_does_not_take_an_account_that_has_proof(self) -> None:
        owner = open_account("ana@example.cl")
        claims.claim(person=owner, code=arrived_order().code, by="test")
        trap = arrived_order()
        with pytest.raises(services.RutTaken):
            open_account("thief@example.cl", code=trap.code)
        owner.refresh_from_db()
        trap.refresh_from_db()
        assert (owner.email, trap.claimed_at) == ("ana@example.cl", None)

    def test_an_account_whose_address_an_order_carries_does_not_yield(self) -> None:
        arrived_order(email="ana@example.cl")
        open_account("ana@example.cl")
        with pytest.raises(services.RutTaken):
            open_account("thief@example.cl", code=arrived_order().code)

    def test_a_verified_account_and_one_of_staff_do_not_yield(self) -> None:
        owner = open_account("ana@example.cl")
        services.verify_person(person=owner, by="staff:1")
        with pytest.raises(services.RutTaken):
            open_account("thief@example.cl", code=arrived_order().code)
        staff = Person.objects.create_superuser(rut=9, password=PASSWORD)
        with pytest.raises(services.RutTaken):
            open_account("thief@example.cl", code=arrived_order(rut=9).code, rut=9)
        staff.refresh_from_db()
        assert staff.check_password(PASSWORD)

    def test_a_thief_who_reserved_for_the_owners_rut_sees_that_order_and_no_other(self) -> None:
        owners = arrived_order(email="ana@example.cl")
        trap = arrived_order(email="thief@example.cl")
        thief = open_account("thief@example.cl", code=trap.code)
        assert sees(thief) == {trap.pk}
        assert owners.pk not in sees(thief)

    def test_at_the_desk_the_identity_card_decides_and_the_former_holder_is_out(self) -> None:
        claimed, other = arrived_order(), arrived_order()
        thief = open_account("thief@example.cl", code=claimed.code)
        session = tokens.issue(thief)
        owner = services.hand_over(person=thief, email="Ana@example.cl", by="staff:1")
        with pytest.raises(tokens.InvalidToken):
            tokens.holder(session)
        with pytest.raises(services.WrongCredentials):
            services.log_in(rut=RUT, email="", password=PASSWORD, address="1.2.3.4")
        mail = Mail.objects.get(kind="password_reset")
        assert mail.to == "ana@example.cl"
        services.reset_password(token=mail.context["token"], password="otra-clave-larga-7", by="test")
        owner.refresh_from_db()
        assert owner.email_confirmed_at is not None
        assert sees(owner) == {claimed.pk, other.pk}
        claimed.refresh_from_db()
        assert claimed.claimed_at is None
        entry = AuditEntry.objects.get(action="account.handed_over")
        assert (entry.by, entry.detail) == ("staff:1", {"email": "thief@example.cl"})

    def test_an_address_of_another_person_is_not_handed_over_and_not_registered(self) -> None:
        open_account("bea@example.cl", rut=7)
        owner = open_account("ana@example.cl")
        with pytest.raises(services.EmailTaken):
            services.hand_over(person=owner, email="BEA@example.cl", by="staff:1")
        services.register(rut=8, full_name="x", email="bea@example.cl", password=PASSWORD, by="test")
        assert Registration.objects.filter(rut=8).count() == 0
        assert Mail.objects.filter(kind="already_registered", to="bea@example.cl").count() == 1

    def test_two_who_confirm_one_address_at_once_get_one_account(self) -> None:
        first, second = register("ana@example.cl"), register("ana@example.cl", rut=7)
        services.confirm(token=first, by="test")
        with pytest.raises(services.EmailTaken):
            services.confirm(token=second, by="test")

    def test_two_who_confirm_one_rut_at_once_get_one_account(self) -> None:
        from billing_site.tickets.tests.races import at_once

        links = [register("ana@example.cl"), register("bea@example.cl"), register("eva@example.cl")]
        results = at_once(*(lambda t=link: services.confirm(token=t, by="test") for link in links))
        assert sorted(type(result).__name__ for result in results) == ["Person", "RutTaken", "RutTaken"]


def test_a_link_opens_an_account_once_and_not_for_ever() -> None:
    from datetime import timedelta

    from django.utils import timezone

    token = register("ana@example.cl")
    services.confirm(token=token, by="test")
    for bad in (token, token + "x", "", "\ud800"):
        with pytest.raises(services.LinkUsedOrOld):
            services.confirm(token=bad, by="test")
    old = register("bea@example.cl", rut=7)
    Registration.objects.update(created_at=timezone.now() - timedelta(hours=25))
    with pytest.raises(services.LinkUsedOrOld):
        services.confirm(token=old, by="test")
    Registration.objects.update(created_at=timezone.now() - timedelta(days=8))
    assert services.prune_registrations() == 2


def test_the_password_of_a_registration_is_not_kept_in_clear_nor_after_it_was_used() -> None:
    token = register("ana@example.cl")
    row = Registration.objects.get()
    assert row.password.startswith("argon2")
    assert token not in str(Registration.objects.values().get())
    services.confirm(token=token, by="test")
    row.refresh_from_db()
    assert row.password == ""


class TestPasswords:
    def test_a_reset_works_once_and_ends_what_was_before(self) -> None:
        person = open_account("ana@example.cl")
        session = tokens.issue(person)
        services.forgot_password(email=" ANA@example.cl ")
        token = Mail.objects.get(kind="password_reset").context["token"]
        with pytest.raises(services.WeakPassword):
            services.reset_password(token=token, password="12345678", by="test")
        services.reset_password(token=token, password="otra-clave-larga-7", by="test")
        with pytest.raises(services.LinkUsedOrOld):
            services.reset_password(token=token, password="una-tercera-clave-5", by="test")
        with pytest.raises(tokens.InvalidToken):
            tokens.holder(session)
        assert services.log_in(rut=RUT, email="", password="otra-clave-larga-7", address="1.2.3.4") == person

    def test_who_has_no_account_gets_no_mail_and_no_error(self) -> None:
        arrived_order(email="ana@example.cl")
        Mail.objects.all().delete()
        services.forgot_password(email="ana@example.cl")
        assert not Mail.objects.exists()

    @pytest.mark.parametrize("change", [lambda t: t + "x", lambda t: t[1:], lambda _: "x:y:z"])
    def test_a_forged_link_is_refused(self, change: Callable[[str], str]) -> None:
        token = tokens.issue_reset(open_account("ana@example.cl"))
        with pytest.raises(services.LinkUsedOrOld):
            services.reset_password(token=change(token), password="otra-clave-larga-7", by="test")

    def test_another_thing_that_the_site_signed_is_no_token(self, settings: Any) -> None:
        import jwt

        person = open_account("ana@example.cl")
        for forged in (
            tokens.issue_reset(person),
            jwt.encode({"sub": str(RUT), "aud": "billing-customer", "iat": 1, "exp": 9e9}, settings.SECRET_KEY),
            jwt.encode({"sub": str(RUT), "aud": "billing-customer", "iat": 1, "exp": 9e9}, None, algorithm="none"),
            "",
        ):
            with pytest.raises(tokens.InvalidToken):
                tokens.holder(forged)
