"""Every dead letter of the system in one list: billing's store and what either outbox had refused.

Ids say where a letter lives: `billing:<id>`, `outbox-reservations:<id>`, `outbox-billing:<id>`.
"""

from typing import Any, NamedTuple

from middleware_worker import clients, environment
from middleware_worker.clients import NotThere, Refused, Unreachable


class Source(NamedTuple):
    site: str
    path: str
    query: str = ""


SOURCES = {
    "billing": Source(environment.BILLING, "dead-letters"),
    "outbox-reservations": Source(environment.RESERVATIONS, "outbox", "?state=rejected"),
    "outbox-billing": Source(environment.BILLING, "outbox", "?state=rejected"),
}


def list_all() -> tuple[list[dict[str, Any]], list[str]]:
    """(letters, oldest first; the sources that could not be asked)."""
    letters: list[dict[str, Any]] = []
    unreachable: list[str] = []
    for name, source in SOURCES.items():
        try:
            found = clients.site(source.site).call("GET", source.path + source.query).get("dead_letters", [])
        except (Unreachable, Refused, NotThere):
            unreachable.append(name)
        else:
            letters += [{**letter, "id": f"{name}:{letter['id']}", "source": name} for letter in found]
    return sorted(letters, key=lambda letter: str(letter.get("received_at", ""))), unreachable


def change(*, id: str, verb: str, by: str) -> tuple[int, dict[str, Any]]:
    """Asks the letter's owner to replay or discard it: its (status, answer).

    Raises Unreachable, and NotThere for an id of no source.
    """
    name, _, own = id.partition(":")
    source = SOURCES.get(name)
    if source is None or not own.replace("-", "").isalnum():
        raise NotThere(id)
    status, fields = clients.site(source.site).ask("POST", f"{source.path}/{own}/{verb}", {"by": by})
    return status, {**fields, "id": id}
