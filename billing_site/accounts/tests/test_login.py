"""Logging in: limits that cannot lock a stranger out, and answers that tell nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from billing_site.accounts import limits, services
from billing_site.accounts.addresses import address_of
from billing_site.accounts.models import Attempts, Person
from billing_site.conftest import service

pytestmark = pytest.mark.django_db

PASSWORD = "una-clave-larga-9"


def log_in(rut: int | None = 5, password: str = PASSWORD, address: str = "1.1.1.1", email: str = "") -> Person:
    return services.log_in(rut=rut, email=email, password=password, address=address)


def test_a_person_logs_in_by_rut_or_by_address(make_person: Callable[..., Person]) -> None:
    person = make_person(5, email="ana@example.cl")
    assert log_in() == log_in(None, email=" ANA@example.cl") == person
    person.refresh_from_db()
    assert person.last_login is not None


@pytest.mark.parametrize("fields", [{"is_active": False}, {"registered_at": None}])
def test_who_may_not_log_in_gets_the_same_answer_as_for_a_wrong_password(
    make_person: Callable[..., Person], fields: dict[str, Any]
) -> None:
    make_person(5, **fields)
    with pytest.raises(services.WrongCredentials):
        log_in()


def test_a_password_is_hashed_for_an_unknown_person_too(
    make_person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_person(5)
    Person.objects.create(rut=6, password=None)
    hashed = []
    from django.contrib.auth.hashers import Argon2PasswordHasher

    encode = Argon2PasswordHasher.encode

    def counting(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    verify = Argon2PasswordHasher.verify

    def verifying(self: Any, password: str, encoded: str) -> bool:
        hashed.append(password)
        return verify(self, password, encoded)

    monkeypatch.setattr(Argon2PasswordHasher, "encode", counting)
    monkeypatch.setattr(Argon2PasswordHasher, "verify", verifying)
    for rut in (5, 6, 7):
        hashed.clear()
        with pytest.raises(services.WrongCredentials):
            log_in(rut, "wrong")
        assert hashed == ["wrong"], rut


def test_five_wrong_passwords_lock_that_address_and_not_the_owner_elsewhere(
    make_person: Callable[..., Person],
) -> None:
    person = make_person(5)
    for _ in range(5):
        with pytest.raises(services.WrongCredentials):
            log_in(password="wrong", address="6.6.6.6")
    with pytest.raises(limits.TooMany) as caught:
        log_in(address="6.6.6.6")
    assert 0 < caught.value.wait <= 900
    assert log_in(address="1.1.1.1") == person


def test_a_success_starts_the_count_anew(make_person: Callable[..., Person]) -> None:
    make_person(5)
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(services.WrongCredentials):
                log_in(password="wrong")
        log_in()


def test_when_the_window_is_over_there_is_a_new_one(make_person: Callable[..., Person]) -> None:
    make_person(5)
    for _ in range(5):
        with pytest.raises(services.WrongCredentials):
            log_in(password="wrong")
    Attempts.objects.update(window_ends_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(services.WrongCredentials):
        log_in(password="wrong")
    assert set(Attempts.objects.values_list("count", flat=True)) == {1}
    Attempts.objects.update(window_ends_at=timezone.now() - timedelta(hours=2))
    assert limits.prune() == 3


@pytest.mark.django_db(transaction=True)
def test_attempts_at_the_same_moment_are_all_counted() -> None:
    from billing_site.tickets.tests.races import at_once

    rule = limits.Rule("x", "y", limits.LOGIN_PAIR)
    results = at_once(*(lambda: limits.count(rule) for _ in range(6)))
    assert results == [None] * 6
    assert Attempts.objects.get().count == 6


@pytest.mark.parametrize(
    ("proxies", "forwarded", "behind", "expected"),
    [
        (0, "9.9.9.9", False, "127.0.0.1"),
        (0, "9.9.9.9", True, "9.9.9.9"),
        (1, "8.8.8.8, 9.9.9.9", False, "9.9.9.9"),
        (1, "8.8.8.8, 9.9.9.9, 7.7.7.7", True, "9.9.9.9"),
        (1, "", True, "127.0.0.1"),
    ],
)
def test_an_address_is_believed_only_from_our_own_proxies(
    settings: Any, proxies: int, forwarded: str, behind: bool, expected: str
) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded} if forwarded else {})
    assert address_of(request, behind_caller=behind) == expected


def test_the_portal_speaks_for_many_addresses(api: Client, make_person: Callable[..., Person]) -> None:
    make_person(5)

    def attempt(address: str, password: str, **headers: str) -> int:
        headers = {"X-Forwarded-For": address, **headers}
        body = {"rut": 5, "password": password}
        return api.post("/api/login", body, content_type="application/json", headers=headers).status_code

    assert [attempt("6.6.6.6", "wrong", **service()) for _ in range(6)] == [401] * 5 + [429]
    assert attempt("1.1.1.1", PASSWORD, **service()) == 200
    assert attempt("2.2.2.2", PASSWORD) == 200


@pytest.mark.parametrize("typed", ["11.111.111-1", "11111111-1", "111111111", " 11.111.111-1 "])
def test_staff_log_in_to_the_admin_by_rut_with_or_without_dots(api: Client, typed: str) -> None:
    Person.objects.create_superuser(rut=11_111_111, password=PASSWORD)
    response = api.post("/admin/login/?next=/admin/", {"username": typed, "password": PASSWORD})
    assert response.status_code == 302


@pytest.mark.parametrize("typed", ["11.111.111-2", "admin", "1" * 30, "", "²"])
def test_what_is_no_rut_gets_the_form_again(api: Client, typed: str) -> None:
    response = api.post("/admin/login/", {"username": typed, "password": PASSWORD})
    assert response.status_code == 200


def test_the_admins_login_is_limited_and_customers_are_not_let_in(
    api: Client, make_person: Callable[..., Person]
) -> None:
    make_person(22_222_222)
    assert api.post("/admin/login/", {"username": "22.222.222-2", "password": PASSWORD}).status_code == 200
    Person.objects.create_superuser(rut=11_111_111, password=PASSWORD)
    for _ in range(5):
        api.post("/admin/login/", {"username": "11.111.111-1", "password": "wrong"})
    locked = api.post("/admin/login/", {"username": "11.111.111-1", "password": PASSWORD})
    assert locked.status_code == 200
