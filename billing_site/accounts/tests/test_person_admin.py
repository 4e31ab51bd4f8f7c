"""The desk's pages about people: verifying an identity, handing an account over, and staff accounts."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from billing_site.accounts.models import Person
from billing_site.documents.models import Mail
from billing_site.tickets.models import AuditEntry

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/accounts/person/"


@pytest.fixture
def staff(client: Client, make_person: Any) -> Any:
    def log_in(*groups: str, **fields: Any) -> Client:
        person = make_person(22_222_222, full_name="Bruno", is_staff=True, **fields)
        person.groups.set(Group.objects.filter(name__in=groups))
        client.force_login(person)
        return client

    return log_in


def test_who_shows_an_identity_card_is_verified_with_the_name_of_the_clerk(staff: Any) -> None:
    person = Person.objects.create(rut=12_345_678)
    client = staff("box office")
    assert "12.345.678-5" in client.get(f"{PEOPLE}{person.pk}/identity/").content.decode()
    client.post(f"{PEOPLE}{person.pk}/identity/")
    person.refresh_from_db()
    assert person.verified_at is not None
    assert person.verified_by == "Bruno (22.222.222-2)"
    assert AuditEntry.objects.get(action="person.verified").person == person


def test_several_people_can_be_verified_from_the_list(staff: Any) -> None:
    people = [Person.objects.create(rut=12_345_678 + n) for n in range(2)]
    staff("box office").post(PEOPLE, {"action": "verify", "_selected_action": [p.pk for p in people]})
    assert Person.objects.filter(verified_at__isnull=False).count() == 2


def test_who_may_not_verify_does_not_get_to_the_page(staff: Any) -> None:
    person = Person.objects.create(rut=12_345_678)
    client = staff("auditor")
    assert client.post(f"{PEOPLE}{person.pk}/identity/").status_code == 403
    client.post(PEOPLE, {"action": "verify", "_selected_action": [person.pk]})
    person.refresh_from_db()
    assert person.verified_at is None


def test_an_account_is_handed_over_and_the_new_holder_gets_a_link(staff: Any, make_person: Any) -> None:
    person = make_person(12_345_678, email="thief@example.cl")
    staff("box office").post(f"{PEOPLE}{person.pk}/identity/", {"hand_over": "1", "email": "true@example.cl"})
    person.refresh_from_db()
    assert (person.email, person.has_usable_password()) == ("true@example.cl", False)
    assert Mail.objects.get(kind="password_reset").to == "true@example.cl"


def test_an_address_of_somebody_else_is_refused_and_changes_nothing(staff: Any, make_person: Any) -> None:
    make_person(5_126_663, email="other@example.cl")
    person = make_person(12_345_678, email="thief@example.cl")
    page = staff("box office").post(f"{PEOPLE}{person.pk}/identity/", {"hand_over": "1", "email": "other@example.cl"})
    assert "Otra persona usa este correo" in page.content.decode()
    person.refresh_from_db()
    assert person.email == "thief@example.cl"


def test_the_account_of_a_colleague_cannot_be_handed_over(staff: Any, make_person: Any) -> None:
    boss = make_person(11_111_111, email="boss@example.cl", is_staff=True, is_superuser=True)
    url = f"{PEOPLE}{boss.pk}/identity/"
    assert staff("box office").post(url, {"hand_over": "1", "email": "me@example.cl"}).status_code == 403
    boss.refresh_from_db()
    assert boss.email == "boss@example.cl"


def test_a_superuser_adds_a_colleague_by_a_typed_rut_with_a_role(staff: Any, client: Client) -> None:
    admin = staff(is_superuser=True)
    gate = Group.objects.get(name="gate")
    form = {
        "typed_rut": "9.999.999-3",
        "full_name": "Pía Puerta",
        "email": "Pia@Example.cl",
        "password1": "una-clave-larga-9",
        "password2": "una-clave-larga-9",
        "groups": [gate.pk],
    }
    response = admin.post(f"{PEOPLE}add/", form)
    assert response.status_code == 302, response.context["adminform"].form.errors
    pia = Person.objects.get(rut=9_999_999)
    assert (pia.is_staff, pia.email, list(pia.groups.all())) == (True, "pia@example.cl", [gate])
    assert pia.check_password("una-clave-larga-9")
    assert AuditEntry.objects.get(action="person.changed").by == "Bruno (22.222.222-2)"
    admin.post("/admin/logout/")
    logged_in = client.post("/admin/login/", {"username": "9999999-3", "password": "una-clave-larga-9"})
    assert logged_in.status_code == 302


@pytest.mark.parametrize(
    ("field", "value"),
    [("typed_rut", "9.999.999-9"), ("password2", "another-long-one-1"), ("password1", "1234"), ("typed_rut", "")],
)
def test_a_colleague_with_a_wrong_rut_or_password_is_not_added(staff: Any, field: str, value: str) -> None:
    form = {
        "typed_rut": "9.999.999-3",
        "full_name": "Pía",
        "password1": "una-clave-larga-9",
        "password2": "una-clave-larga-9",
    }
    response = staff(is_superuser=True).post(f"{PEOPLE}add/", {**form, field: value})
    assert response.status_code == 200
    assert not Person.objects.filter(rut=9_999_999).exists()


def test_a_customers_account_is_not_turned_into_a_colleagues(staff: Any, make_person: Any) -> None:
    customer = make_person(9_999_999)
    form = {
        "typed_rut": "9.999.999-3",
        "full_name": "X",
        "password1": "una-clave-9-xyz",
        "password2": "una-clave-9-xyz",
    }
    staff(is_superuser=True).post(f"{PEOPLE}add/", form)
    customer.refresh_from_db()
    assert not customer.is_staff


@pytest.mark.parametrize("role", ["box office", "auditor", "finance", "gate"])
def test_nobody_but_a_superuser_writes_roles_or_passwords(staff: Any, make_person: Any, role: str) -> None:
    boss = make_person(11_111_111, is_staff=True, is_superuser=True)
    client = staff(role)
    assert client.post(f"{PEOPLE}{boss.pk}/change/", {"full_name": "x"}).status_code == 403
    assert client.get(f"{PEOPLE}{boss.pk}/password/").status_code == 403
    assert client.get(f"{PEOPLE}add/").status_code == 403


def test_an_address_that_staff_typed_is_not_a_confirmed_one(staff: Any, make_person: Any) -> None:
    customer = make_person(9_999_999, email="old@example.cl")
    form = {"full_name": "Ana", "email": "new@example.cl", "is_active": "on"}
    response = staff(is_superuser=True).post(f"{PEOPLE}{customer.pk}/change/", form)
    assert response.status_code == 302
    customer.refresh_from_db()
    assert (customer.email, customer.email_confirmed_at) == ("new@example.cl", None)
    assert AuditEntry.objects.get(action="person.changed").detail == {"fields": ["full_name", "email"]}
