"""Whether reservations still sells an event: asked over HTTP, never while a row is locked."""

import requests
from django.conf import settings

TIMEOUT = (1, 3)  # seconds, to connect and to answer

CANCELLED, ON_SALE, UNKNOWN = "cancelled", "published", "unknown"


def event_status(event_id: int) -> str:
    """CANCELLED when its sales are closed for good, ON_SALE, or UNKNOWN when reservations does not say."""
    url = f"{settings.OTHER_SITE_URL.rstrip('/')}/api/events/{event_id}"
    try:
        with requests.Session() as session:
            session.trust_env = False
            response = session.get(url, timeout=TIMEOUT, allow_redirects=False)
            said = response.json().get("status") if response.ok else None
    except (requests.RequestException, ValueError, AttributeError):
        return UNKNOWN
    return said if said in {CANCELLED, ON_SALE} else UNKNOWN
