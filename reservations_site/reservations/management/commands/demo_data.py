"""`manage.py demo_data`: something to look at and to buy. Safe to run again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from reservations_site.events.models import Event
from reservations_site.reservations import demo


class Command(BaseCommand):
    help = "Makes events, an arena with taken seats, and a staff user. With --size none nothing is made."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--size", choices=["full", "none"], default="full", help="none: make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["size"] == "none":
            self.stdout.write("demo data: none")
            return
        now = timezone.now()
        for show in demo.SHOWS:
            self._say(*demo.make_show(show, now=now))
        arena, made = demo.make_show(demo.ARENA, now=now)
        self._say(arena, made)
        reservations, seats = demo.fill_arena(arena)
        self.stdout.write(f"{reservations} reservations with {seats} seats in «{arena.name}»")
        demo.make_staff()
        self.stdout.write(f"staff: {demo.STAFF} with password {demo.STAFF_PASSWORD}")

    def _say(self, event: Event, made: bool) -> None:
        word = "made" if made else "was there"
        self.stdout.write(f"event {event.id} «{event.name}» {word}: {event.seats.count()} seats")
