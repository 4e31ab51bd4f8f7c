"""How often one address may reserve. Each process counts for itself, in memory: no database, no cache.

Behind nginx this is the second net: nginx counts for all replicas together (`limit_req` in reservations.conf.template).
How often one RUT may is counted where the seats are taken (`take_seats_1`).
"""

import threading
import time
from collections import OrderedDict, deque

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from middleware_worker.contract.drf import ServiceCaller
from reservations_site.reservations import refusals

# Addresses that are remembered; past that the one that called longest ago is forgotten.
ADDRESSES = 20_000


class Calls:
    """When each address called, within a period."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str, *, most: int, seconds: float) -> float | None:
        """None, and one call more; or how long until the next one is let in."""
        now = time.monotonic()
        with self._lock:
            times = self._calls.setdefault(address, deque())
            self._calls.move_to_end(address)
            if len(self._calls) > ADDRESSES:
                self._calls.popitem(last=False)
            while times and times[0] <= now - seconds:
                times.popleft()
            if len(times) >= most:
                return times[0] + seconds - now
            times.append(now)
            return None

    def forget(self) -> None:
        with self._lock:
            self._calls.clear()


calls = Calls()


class ReserveThrottle(ScopedRateThrottle):
    """A limit an address. Buyers who come through the portal count by their own address, not by the portal's."""

    scope = "reserve"

    def __init__(self) -> None:
        self.num_requests, self.duration = self.parse_rate(self.get_rate())
        self._wait: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        return self.lets(request, is_service=isinstance(request.user, ServiceCaller))

    def lets(self, request: Request | HttpRequest, *, is_service: bool) -> bool:
        """Whether one call more is let in from where this one comes from."""
        address = buyers_address(request) if is_service else callers_address(request)
        if not address or not self.num_requests:
            return True
        self._wait = calls.wait(address, most=self.num_requests, seconds=self.duration or 60)
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait


def challenge(request: HttpRequest, *, rut: int, caller: str) -> None:
    """Raises 403 when the function that settings.CHALLENGE names does not let this call through."""
    if settings.CHALLENGE and not import_string(settings.CHALLENGE)(request, rut=rut, caller=caller):
        raise refusals.challenge()


def callers_address(request: Request | HttpRequest) -> str:
    """As DRF's `get_ident`, which makes an object of all headers to read one."""
    added = settings.REST_FRAMEWORK["NUM_PROXIES"]
    named = request.META.get("HTTP_X_FORWARDED_FOR")
    if not added or named is None:
        return str(request.META.get("REMOTE_ADDR") or "")
    addresses = named.split(",")
    return str(addresses[-min(added, len(addresses))]).strip()


def buyers_address(request: Request | HttpRequest) -> str:
    """The address that a program of ours names as its buyer's; empty when it names none.

    Each of our proxies adds the address that it was called from at the end, so the program's own entry
    stands before those. What a buyer may have written stands further left and is not looked at.
    """
    named = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    added = int(settings.REST_FRAMEWORK["NUM_PROXIES"] or 0)
    return named[-1 - added] if len(named) > added else ""
