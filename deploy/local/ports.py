"""Ports on the loopback address: free ones for private servers, and who is in the way."""

from __future__ import annotations

import random
import socket
import threading

LOOPBACK = "127.0.0.1"
# Below the kernel's range for outgoing connections (32768 up): a server that is down for a
# moment must not lose its port to somebody's client.
FIRST, LAST = 20_000, 32_000

_given: set[int] = set()
_lock = threading.Lock()
_random = random.SystemRandom()


def free_port() -> int:
    """A port that nobody listens on, and that this program has not been given before."""
    with _lock:
        for _ in range(1000):
            port = _random.randint(FIRST, LAST)
            if port not in _given and is_free(port):
                _given.add(port)
                return port
    raise RuntimeError(f"No free port between {FIRST} and {LAST}.")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int, *, say: bytes = b"", expect: bytes = b"", seconds: float = 2) -> bool:
    """Whether a server accepts a connection, and answers `say` with something like `expect`."""
    try:
        with socket.create_connection((LOOPBACK, port), seconds) as connection:
            connection.settimeout(seconds)
            if say:
                connection.sendall(say)
            return not expect or connection.recv(len(expect)) == expect
    except OSError:
        return False
