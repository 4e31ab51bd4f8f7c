"""`manage.py demo_data`: people to try the system with, and demo buyers who pay."""

import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand
from django.utils import timezone

from billing_site.accounts.models import Person
from billing_site.documents.models import Document
from billing_site.payments import services as payments
from billing_site.payments.gateway.base import Card
from billing_site.payments.gateway.without_network import CertainGateway
from billing_site.tickets.models import Order, Ticket

# The buyers whom reservations' own demo data reserves for.
BUYERS = range(5_000_001, 5_000_201)
WAIT_SECONDS = 60
VISITORS_FIRST = timedelta(minutes=3)


class Demo(NamedTuple):
    rut: int
    name: str
    password: str
    email: str
    groups: tuple[str, ...] = ()
    is_staff: bool = True
    is_superuser: bool = False


PEOPLE = [
    Demo(11_111_111, "Ana Administradora", "demo-admin-1", "admin@demo.example", is_superuser=True),
    Demo(22_222_222, "Carla Cliente", "demo-cliente-2", "cliente@demo.example", is_staff=False),
    Demo(33_333_333, "Pedro Puerta", "demo-puerta-3", "puerta@demo.example", ("gate",)),
    Demo(44_444_444, "Fabiola Finanzas", "demo-finanzas-4", "finanzas@demo.example", ("finance",)),
]


class Command(BaseCommand):
    help = "Makes the people of the demo; their passwords are in the README. Safe to run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--size", choices=["full", "none"], default="full", help="none: nothing is made")
        parser.add_argument(
            "--pay-demo-orders",
            action="store_true",
            help=f"waits up to {WAIT_SECONDS} s for the orders of the demo buyers and pays them, without a gateway",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["size"] == "none":
            return
        for demo in PEOPLE:
            make(demo)
        self.stdout.write(f"demo data: {len(PEOPLE)} people")
        if options["pay_demo_orders"]:
            self.stdout.write(f"demo data: {self.pay_when_they_come()} orders of demo buyers are paid")

    def pay_when_they_come(self) -> int:
        """Pays what arrives until nothing new has come for five seconds, or the time is over; how many orders."""
        paid, deadline, quiet_until = 0, time.monotonic() + WAIT_SECONDS, 0.0
        while time.monotonic() < deadline:
            found = pay_pending()
            paid += found
            if found:
                quiet_until = time.monotonic() + 5
            elif paid and time.monotonic() >= quiet_until:
                break
            time.sleep(0.5)
        return paid


def make(demo: Demo) -> Person:
    """The person, registered and confirmed; who is there already keeps the password."""
    now = timezone.now()
    person, _is_new = Person.objects.get_or_create(rut=demo.rut, defaults={"password": None})
    if not person.password:
        person.set_password(demo.password)
    person.full_name, person.email = demo.name, demo.email
    person.is_staff, person.is_superuser = demo.is_staff, demo.is_superuser
    person.registered_at = person.registered_at or now
    person.email_confirmed_at = person.email_confirmed_at or now
    person.save()
    person.groups.add(*Group.objects.filter(name__in=demo.groups))
    return person


def pay_pending() -> int:
    """Pays the pending orders of demo buyers by the same service as everybody's; how many."""
    pending = Order.objects.filter(
        person__in=BUYERS, source=Order.Source.RESERVATIONS, tickets__status=Ticket.Status.PENDING_PAYMENT
    ).distinct()
    paid = 0
    for order in pending.order_by("id"):
        card = Card("4111111111111111")
        key = f"demo:{order.pk}"
        try:
            attempt, is_new = payments.begin(
                order=order, card=card, idempotency_key=key, through=CertainGateway(), by="demo"
            )
        except (payments.NotPending, payments.PaymentOpen):
            continue
        if is_new and attempt.status == attempt.Status.STARTED:
            payments.charge(attempt=attempt, card=card, through=CertainGateway(), by="demo")
        paid += 1
    # Whoever tries the demo gets their own PDF at once, not behind hundreds of made-up buyers.
    waiting = Document.objects.filter(ready_at=None, ticket__person__in=BUYERS)
    waiting.update(next_try_at=timezone.now() + VISITORS_FIRST)
    return paid
