"""What a caller who has gone asked for is not done."""

import socket

import pytest

from reservations_site.reservations.models import Reservation


@pytest.fixture
def ends():
    """Both ends of a connection: the server's, the caller's."""
    server, caller = socket.socketpair()
    yield server, caller
    server.close()
    caller.close()


def ask(client, seat, server):
    body = {"seat_id": seat.id, "user_id": 11111111}
    return client.post("/api/reserve", body, content_type="application/json", **{"gunicorn.socket": server})


@pytest.mark.django_db
def test_what_nobody_waits_for_is_not_reserved(client, event, ends):
    server, caller = ends
    caller.close()

    assert ask(client, event.seats.first(), server).status_code == 503
    assert not Reservation.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("sent", [b"", b"the next request"])
def test_a_caller_who_waits_is_served(client, event, ends, sent):
    server, caller = ends
    caller.sendall(sent)

    assert ask(client, event.seats.first(), server).status_code == 200
    assert server.recv(100, socket.MSG_DONTWAIT) == sent if sent else True
