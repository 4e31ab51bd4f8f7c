"""Requests whose caller has gone: they are not carried out.

A replica that was frozen finds, when it thaws, the requests that nginx has meanwhile taken to the other replica. What
that one refused would be done now, and the buyer who was told "taken" would hold a seat without knowing.
"""

import socket
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from middleware_worker.contract.drf import unavailable


def is_abandoned(request: HttpRequest) -> bool:
    """Whether the other end has closed the connection. Without gunicorn there is none to look at: no."""
    connection = request.META.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class Abandoned:
    """503, which nobody reads, instead of carrying out what nobody waits for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and is_abandoned(request):
            return unavailable()
        return self.get_response(request)
