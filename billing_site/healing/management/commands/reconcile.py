"""`manage.py reconcile`: whether both sides say the same of every ticket."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing_site.healing.reconciling import reconcile
from middleware_worker.outbox.other_site import OtherSiteFailed


class Command(BaseCommand):
    help = "Compares billing with reservations page by page; reports what differs although nothing is on its way."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="carry missing orders and newer states again")

    def handle(self, *args: Any, **options: Any) -> None:
        left = total = 0
        try:
            for found in reconcile(repair=options["repair"]):
                total, left = total + 1, left + (not found.repaired)
                done = " (carried again)" if found.repaired else ""
                self.stdout.write(f"{found.kind} {found.order} {found.detail}{done}".rstrip())
        except OtherSiteFailed as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"reconcile: {total} differences, {total - left} repaired")
        if left:
            raise CommandError(f"{left} differences are left. See docs/runbook.md.")
