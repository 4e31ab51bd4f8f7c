"""The jobs: one that fails stops no other, all stop when they are told to, and several processes share the work."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from billing_site.accounts.models import Person
from billing_site.jobs import JOBS, Job, run_all
from billing_site.payments import refunds
from billing_site.payments import services as payments
from billing_site.payments.gateway import simulator
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.payments.tests.fakes import FakeGateway
from billing_site.tickets.management.commands import demo_data
from billing_site.tickets.tests.factories import arrived_order, tickets_of
from billing_site.tickets.tests.races import at_once


class Stop(threading.Event):
    """An event whose `wait` does not wait, so that pauses take no time."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(0)


@pytest.mark.django_db(transaction=True)
def test_a_job_that_fails_stops_no_other_and_is_tried_again() -> None:
    stop = Stop()
    runs = {"broken": 0, "good": 0}

    def broken() -> int:
        runs["broken"] += 1
        raise RuntimeError("broken")

    def good() -> int:
        runs["good"] += 1
        if min(runs.values()) >= 3:
            stop.set()
        return 1

    run_all([Job("broken", broken, 0), Job("good", good, 0)], stop=stop)
    assert min(runs.values()) >= 3


def test_everything_that_billing_does_by_itself_is_in_the_list() -> None:
    names = {job.run.__name__ for job in JOBS}
    assert names >= {"settle_attempts", "run_refunds", "expire_seatless", "issue_due", "send_due", "prune_outbox"}


@pytest.mark.django_db(transaction=True)
def test_each_job_runs_on_empty_tables() -> None:
    for job in JOBS:
        assert job.run() == 0, job.name


def test_the_command_stops_when_it_is_told_to() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "billing_site.manage", "jobs"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "jobs: ready\n"
    program.send_signal(signal.SIGTERM)
    output, errors = program.communicate(timeout=30)
    assert (program.returncode, output) == (0, "jobs: stopped\n"), errors


@pytest.mark.django_db(transaction=True)
def test_several_processes_that_move_refunds_move_each_once(gateway: FakeGateway) -> None:
    for _ in range(8):
        order = arrived_order()
        payments.pay(order=order, card=Card(simulator.APPROVES), idempotency_key=None, by="test")
        refunds.refund_ticket(ticket=tickets_of(order)[0], reason="", by="test")
    results = at_once(*(lambda: refunds.run_refunds(limit=8) for _ in range(4)))
    assert all(isinstance(result, int) for result in results), results
    while refunds.run_refunds():
        pass
    assert set(Refund.objects.values_list("status", "tries")) == {("done", 1)}
    assert len([call for call in gateway.calls if call.startswith("refund")]) == 8


class TestDemoData:
    @pytest.mark.django_db
    def test_the_people_of_the_demo_can_log_in_and_a_second_run_changes_nothing(self) -> None:
        Group.objects.get_or_create(name="gate")
        for _ in range(2):
            call_command("demo_data", stdout=_Quiet())
        admin, customer, gate = (Person.objects.get(rut=rut) for rut in (11_111_111, 22_222_222, 33_333_333))
        assert admin.is_superuser
        assert admin.check_password("demo-admin-1")
        assert (customer.is_staff, customer.email) == (False, "cliente@demo.example")
        assert customer.email_confirmed_at
        assert customer.check_password("demo-cliente-2")
        assert gate.is_staff
        assert gate.has_perm("tickets.check_in_ticket") == bool(gate.get_all_permissions())
        assert set(gate.groups.values_list("name", flat=True)) == {"gate"}

    @pytest.mark.django_db
    def test_none_makes_nothing(self) -> None:
        call_command("demo_data", "--size=none", stdout=_Quiet())
        assert not Person.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_demo_buyers_pay_without_a_gateway_and_nobody_else_does(self, gateway: FakeGateway) -> None:
        theirs, other = arrived_order(2, rut=5_000_001), arrived_order(rut=5_000_201)
        assert demo_data.pay_pending() == 1
        assert demo_data.pay_pending() == 0
        assert [ticket.status for ticket in tickets_of(theirs)] == ["PAID", "PAID"]
        assert [ticket.status for ticket in tickets_of(other)] == ["PENDING_PAYMENT"]
        assert (PaymentAttempt.objects.get().gateway, gateway.calls) == ("demo", [])
        refunds.refund_ticket(ticket=tickets_of(theirs)[0], reason="", by="test")
        refunds.run_refunds()
        assert (Refund.objects.get().status, gateway.calls) == ("done", [])


class _Quiet:
    """A place for a command's words."""

    write: Callable[..., Any] = staticmethod(lambda *_: None)
    flush: Callable[..., Any] = staticmethod(lambda: None)
    isatty: Callable[..., Any] = staticmethod(lambda: False)
