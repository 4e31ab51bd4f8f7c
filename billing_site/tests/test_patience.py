"""A database that does not answer is not waited for without end."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connections
from django.http import HttpResponse

from billing_site.failures import FailuresMiddleware
from middleware_worker.contract import patience
from middleware_worker.outbox import transactions
from middleware_worker.outbox.databases import database
from middleware_worker.outbox.transactions import is_passing

NAME = "impatient"


@pytest.fixture
def impatient(db):
    """A connection to the tests' MariaDB that waits for one second."""
    there = connections["default"].settings_dict
    address = "mysql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**there)
    made = type(connections["default"])(there | database(address, patience=1), "impatient")
    yield made
    made.close()


def test_a_statement_without_an_answer_ends_as_a_lost_connection(impatient):
    with pytest.raises(OperationalError) as ended, impatient.cursor() as cursor:
        cursor.execute("select sleep(60)")

    assert is_passing(ended.value)


@pytest.mark.parametrize(("seconds", "is_the_last"), [(0, True), (60, False)])
def test_a_request_runs_no_transaction_again_once_its_patience_has_ended(rf, settings, seconds, is_the_last):
    settings.DATABASE_PATIENCE_SECONDS = seconds
    seen = []
    view = FailuresMiddleware(lambda request: seen.append(transactions._is_last(1)) or HttpResponse())

    view(rf.get("/api/orders/TF"))

    assert seen == [is_the_last]


@pytest.fixture
def restarting(monkeypatch):
    """The database answers from the third time on that it is asked."""
    asked = []

    def cursor():
        asked.append(1)
        if len(asked) < 3:
            raise OperationalError("it restarts")
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr("billing_site.failures.connection", SimpleNamespace(cursor=cursor))
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    return asked


@pytest.mark.parametrize(
    ("method", "path", "times"),
    [
        ("post", "/api/orders/TF/pay", 3),
        ("delete", "/api/orders/TF/pay", 3),
        ("get", "/api/orders/TF/pay", 0),
        ("post", "/api/internal/messages", 0),
    ],
)
def test_a_write_waits_for_a_database_that_restarts(rf, restarting, method, path, times):
    begun = []
    view = FailuresMiddleware(lambda request: begun.append(len(restarting)) or HttpResponse())

    view(getattr(rf, method)(path))

    assert begun == [times]


def test_it_waits_for_a_bounded_time_and_then_begins_all_the_same(rf, settings, restarting):
    settings.DATABASE_WAIT_SECONDS = 0
    begun = []

    FailuresMiddleware(lambda request: begun.append(len(restarting)) or HttpResponse())(rf.post("/"))

    assert begun == [1]


def lost_once(calls, *, begins=False):
    """A view's answers: 503, the first time; it has begun a transaction before it, or has only looked."""

    def view(request):
        calls.append(request.body)
        if begins:
            transactions._current().begun = True
        return HttpResponse(status=503 if len(calls) == 1 else 201)

    return FailuresMiddleware(view)


def test_a_call_whose_database_went_while_it_only_looked_begins_again(rf, db):
    calls = []

    response = lost_once(calls)(rf.post("/api/orders/TF/pay", b'{"a": 1}', content_type="application/json"))

    assert (response.status_code, calls) == (201, [b'{"a": 1}'] * 2)


@pytest.mark.parametrize(("path", "begins"), [("/api/orders/TF/pay", True), ("/admin/", False)])
def test_what_may_have_happened_is_not_begun_again(rf, db, path, begins):
    calls = []

    response = lost_once(calls, begins=begins)(rf.post(path, {}))

    assert (response.status_code, len(calls)) == (503, 1)


def test_a_transaction_that_loses_its_connection_waits_for_the_database_before_it_is_run_again(monkeypatch):
    away = SimpleNamespace(in_atomic_block=False, close_if_unusable_or_obsolete=lambda: None)
    monkeypatch.setattr(transactions, "connections", {"default": away})
    told, runs = [], []

    def work():
        runs.append(len(told))
        if len(runs) < 3:
            raise OperationalError(2013, "Lost connection")

    with transactions.deadline(float("inf"), wait=lambda: told.append(1)) as bounds:
        transactions._again(work, nullcontext)()

    assert (runs, bounds.begun) == ([0, 1, 2], True)
