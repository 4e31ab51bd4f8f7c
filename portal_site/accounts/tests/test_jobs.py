"""Sessions that have ended do not stay."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.utils import timezone

from portal_site.accounts.management.commands import jobs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own, in whose transaction everything stands."""
    monkeypatch.setattr(jobs, "close_old_connections", lambda: None)


def make(key: str, days: int) -> None:
    Session.objects.create(session_key=key, session_data="x", expire_date=timezone.now() + timedelta(days=days))


def rounds(number: int) -> list[float]:
    """Runs so many rounds; the pauses between them."""
    pauses: list[float] = []
    jobs.run(stopping=lambda: len(pauses) == number, idle=pauses.append)
    return pauses


def test_sessions_that_have_ended_are_deleted_and_the_others_stay() -> None:
    make("ended", -1)
    make("lives", 1)
    assert rounds(1) == [jobs.EVERY_SECONDS]
    assert [found.session_key for found in Session.objects.all()] == ["lives"]


def test_a_lost_database_is_asked_again_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    def lost() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(SessionStore, "clear_expired", lost)
    assert rounds(2) == [jobs.AGAIN_SECONDS] * 2
