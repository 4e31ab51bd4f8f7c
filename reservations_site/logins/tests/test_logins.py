"""Guessing is slowed, and strangers cannot keep a staff member out."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from reservations_site.logins import limits
from reservations_site.logins.models import Attempts

PAGE, PASSWORD = "/admin/login/", "una-clave-larga"


@pytest.fixture(autouse=True)
def ana(db: None, settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_superuser("ana", password=PASSWORD)


def attempt(client: Client, password: str = PASSWORD, *, user: str = "ana", address: str = "198.51.100.1") -> bool:
    """Whether it let somebody in."""
    answer = client.post(PAGE, {"username": user, "password": password}, REMOTE_ADDR=address)
    return answer.status_code == 302


def guess(times: int, **options: str) -> None:
    for _time in range(times):
        assert not attempt(Client(), "no", **options)


def test_after_five_guesses_even_the_right_password_waits() -> None:
    guess(5)
    answer = Client().post(PAGE, {"username": "ana", "password": PASSWORD}, REMOTE_ADDR="198.51.100.1")
    assert "Demasiados intentos: espere 15 minutos" in answer.content.decode()
    Attempts.objects.update(window_ends_at=timezone.now() - timedelta(seconds=1))
    assert attempt(Client())


def test_a_guesser_elsewhere_locks_nobody_out() -> None:
    guess(6)
    assert attempt(Client(), address="198.51.100.2")


def test_a_browser_that_was_here_before_is_let_in_while_strangers_try(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Client()
    assert attempt(own)
    own.post("/admin/logout/")
    monkeypatch.setattr(limits, "USER", 3)
    for number in range(4):
        guess(1, address=f"203.0.113.{number}")
    assert not attempt(Client(), address="192.0.2.7")
    assert attempt(own, address="192.0.2.7")


def test_a_known_browser_is_limited_too_and_only_for_its_own_user() -> None:
    User.objects.create_superuser("eva", password=PASSWORD)
    own = Client()
    attempt(own)
    own.post("/admin/logout/")
    for _time in range(5):
        assert not attempt(own, "no")
    assert not attempt(own)
    guess(5, user="eva", address="192.0.2.8")
    assert not attempt(own, user="eva", address="192.0.2.8")


def test_one_address_does_not_try_many_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ADDRESS", 3)
    for number in range(3):
        guess(1, user=f"u{number}")
    assert not attempt(Client())
    assert attempt(Client(), address="198.51.100.2")


def test_only_our_own_proxies_say_where_somebody_comes_from(settings: Any) -> None:
    def from_(forwarded: str) -> bool:
        answer = Client().post(PAGE, {"username": "ana", "password": "no"}, headers={"X-Forwarded-For": forwarded})
        return "Demasiados" in answer.content.decode()

    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    assert [from_(f"10.0.0.{number}, 203.0.113.9") for number in range(6)] == [False] * 5 + [True]
    assert not from_("203.0.113.9, 203.0.113.10")


def test_a_success_starts_the_count_anew_and_old_counts_are_pruned() -> None:
    guess(4)
    assert attempt(Client())
    guess(4)
    assert attempt(Client())
    assert limits.prune() == 0
    Attempts.objects.update(window_ends_at=timezone.now() - timedelta(seconds=1))
    assert limits.prune() == Attempts.objects.count() + 2
