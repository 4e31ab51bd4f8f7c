"""`manage.py heal`: after a replica was promoted or this database was restored from a backup."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from billing_site.healing.services import heal
from billing_site.payments.gateway.base import GatewayUnreachable
from middleware_worker.outbox import closing
from middleware_worker.outbox.other_site import OtherSiteFailed


class Command(BaseCommand):
    help = "Adopts what reservations and the gateway know, with billing closed meanwhile; safe to run twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=parse_datetime, help="ISO time with zone, before the backup (default: all)")
        parser.add_argument("--open", action="store_true", help="only opens the site again, without healing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["open"]:
            closing.open_again()
            self.stdout.write("open")
            return
        try:
            found = heal(since=options["since"], by="heal")
        except (OtherSiteFailed, GatewayUnreachable) as error:
            raise CommandError(f"{error} Billing stays closed; run this again.") from error
        self.stdout.write(
            f"heal: generation {found.generation}, {found.read} orders and {found.charges} charges read, "
            f"{found.reopened} messages of reservations carried again, {len(found.problems)} to look at"
        )
        for problem in found.problems:
            self.stdout.write(f"  {problem}")
