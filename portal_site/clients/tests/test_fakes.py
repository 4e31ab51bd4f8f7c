"""The fakes keep the promises that the real sites keep."""

from collections.abc import Callable

from portal_site.clients.billing import billing
from portal_site.clients.reservations import reservations
from portal_site.clients.tests.fakes import Sites
from portal_site.clients.tests.promises import check_all


def test_the_fakes_keep_the_promises_of_the_two_apis(sites: Sites) -> None:
    def at_once(condition: Callable[[], bool]) -> None:
        assert condition()

    check_all(reservations(), billing(), until=at_once)
