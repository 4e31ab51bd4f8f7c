"""Seat maps as they were sent last, in this process's memory: the same state is not read or written again."""

import gzip
import re
import threading
from collections import OrderedDict
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

# Some 350 kB each at 2,400 seats.
KEPT = 20
# The same that nginx looks for; see reservations.conf.template.
GZIP = re.compile(r"\bgzip\b")


class DrawnMap:
    """The answer for one state of an event's seats, which its ETag names."""

    def __init__(self, etag: str, shown: dict[str, Any]) -> None:
        self.etag = etag
        self.body: bytes = JSONRenderer().render(shown | {"instance": settings.INSTANCE})
        # Less than an eighth of the size. It holds nothing secret that a caller's own input could be set against
        # (BREACH).
        self.packed = gzip.compress(self.body, 5, mtime=0)


class Maps:
    def __init__(self) -> None:
        self._maps: OrderedDict[int, DrawnMap] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, event_id: int) -> DrawnMap | None:
        return self._maps.get(event_id)

    def keep(self, event_id: int, drawn: DrawnMap) -> DrawnMap:
        with self._lock:
            self._maps[event_id] = drawn
            self._maps.move_to_end(event_id)
            if len(self._maps) > KEPT:
                self._maps.popitem(last=False)
        return drawn


maps = Maps()


def accepts_gzip(request: Request | HttpRequest) -> bool:
    return GZIP.search(request.META.get("HTTP_ACCEPT_ENCODING", "")) is not None
