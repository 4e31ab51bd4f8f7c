"""How often one address may reserve."""

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from middleware_worker.contract.drf import ServiceCaller


class ReserveThrottle(ScopedRateThrottle):
    """A limit an address. Buyers who come through the portal count by their own address, not by the portal's."""

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        if not isinstance(request.user, ServiceCaller):
            return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}
        buyer = buyers_address(request)
        return self.cache_format % {"scope": self.scope, "ident": buyer} if buyer else None


def buyers_address(request: Request) -> str:
    """The address that a program of ours names as its buyer's; empty when it names none.

    Each of our proxies adds the address that it was called from at the end, so the program's own entry
    stands before those. What a buyer may have written stands further left and is not looked at.
    """
    named = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    added = int(settings.REST_FRAMEWORK["NUM_PROXIES"] or 0)
    return named[-1 - added] if len(named) > added else ""
