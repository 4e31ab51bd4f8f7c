"""`manage.py reopen_outbox`: carries receipted messages again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.dateparse import parse_datetime

from middleware_worker.outbox.reopening import reopen


class Command(BaseCommand):
    help = "Opens receipted outbox rows again, when the side that gave the receipts has lost what it promised to keep."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=parse_datetime, help="ISO time with zone (default: all kept rows)")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{reopen(since=options['since'])} messages will be carried again")
