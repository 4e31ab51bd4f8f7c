"""`manage.py adopt`: after this database was restored from a backup."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from middleware_worker.outbox import closing
from middleware_worker.outbox.other_site import OtherSiteFailed
from reservations_site.healing.services import adopt


class Command(BaseCommand):
    help = "Takes over billing's tickets into a restored database, with sales closed; safe to run twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", default="", help="ISO time: only orders that changed since (default: all)")
        parser.add_argument("--open", action="store_true", help="only opens the site again, after people have looked")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["open"]:
            closing.open_again()
            self.stdout.write("open")
            return
        try:
            found = adopt(since=options["since"], by="adopt")
        except OtherSiteFailed as error:
            raise CommandError(f"{error} Sales stay closed if they were; run this again.") from error
        self.stdout.write(f"adopt: {found.read} orders read, {found.made_again} made again")
        for problem in found.problems:
            self.stdout.write(f"  {problem}")
        if found.problems:
            raise CommandError(f"{len(found.problems)} problems: sales stay closed. See docs/runbook.md.")
