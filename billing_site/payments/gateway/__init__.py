"""Payment gateways: what billing needs (`base`), the simulator (`simulated`, `simulator`), Webpay Plus (`webpay`)."""

from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from billing_site.payments.gateway.base import FormGateway, Gateway
from billing_site.payments.gateway.without_network import CertainGateway

CERTAIN = CertainGateway.name
# What BILLING_GATEWAY may say instead of a class, and what attempts are marked with.
BY_NAME = {
    "simulator": "billing_site.payments.gateway.simulated.SimulatedGateway",
    "webpay": "billing_site.payments.gateway.webpay.WebpayGateway",
}


def configured() -> Gateway:
    """The gateway that new payments go to."""
    return _instance(BY_NAME.get(settings.GATEWAY, settings.GATEWAY))


def with_form() -> FormGateway | None:
    """The gateway of new payments when it takes cards on a page of its own."""
    found = configured()
    return found if isinstance(found, FormGateway) else None


def named(name: str) -> Gateway:
    """The gateway that an attempt was made with: only that one can be asked about it, and pays it back."""
    if name == CERTAIN:
        return CertainGateway()
    if name == configured().name or name not in BY_NAME:
        return configured()
    return _instance(BY_NAME[name])


@lru_cache(maxsize=8)
def _instance(path: str) -> Gateway:
    gateway: Gateway = import_string(path)()
    return gateway
