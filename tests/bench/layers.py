"""Where the time of a reservation goes inside a process of the site: the same call from further and further outside.

Run by the bench in the site's environment; prints one line of JSON: milliseconds of processor time a call.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import django


def main(spec: dict[str, Any]) -> dict[str, float]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reservations_site.settings")
    django.setup()
    from django.db import connection
    from django.test import RequestFactory

    from reservations_site import short_way
    from reservations_site.reservations import at_once
    from reservations_site.reservations.services import reserve_seats
    from reservations_site.wsgi import application

    calls = spec["calls"]
    buyers = iter(range(spec["rut"], spec["rut"] + 10 * calls))
    seats = iter(range(spec["first"], spec["first"] + 10 * calls))

    def statements() -> Iterable[Callable[[], Any]]:
        """Just what `at_once` sends, caught on its way and made for other seats."""
        import psycopg

        sent: list[Any] = []

        class Caught(psycopg.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
                sent.append(params)
                return super().execute(query, params, **options)

        whole, psycopg.Cursor = psycopg.Cursor, Caught  # type: ignore[misc]
        reserve_seats(seat_ids=[next(seats)], rut=next(buyers), caller="bench", by="bench")
        psycopg.Cursor = whole  # type: ignore[misc]
        (like,) = sent
        for number in range(calls):
            own = list(like)
            own[0], own[1], own[2] = f"{{{next(seats)}}}", f"{{bench-{number}}}", next(buyers)
            own[7], own[9] = f"bench:{number}", f"bench-{number}"
            own[10] = uuid.uuid4()
            yield (
                lambda own=own: (
                    psycopg.Cursor(connection.connection).execute(at_once.TAKE, own, prepare=True).fetchone()
                )
            )

    def services() -> Iterable[Callable[[], Any]]:
        for _number in range(calls):
            seat, rut = next(seats), next(buyers)
            yield lambda seat=seat, rut=rut: reserve_seats(seat_ids=[seat], rut=rut, caller="bench", by="bench")

    def requests() -> Iterable[Callable[[], Any]]:
        factory = RequestFactory(HTTP_HOST="127.0.0.1")
        for _number in range(calls):
            body = json.dumps({"seat_id": next(seats), "user_id": next(buyers)})
            environ = factory.post("/api/reserve", body, content_type="application/json").environ
            yield lambda environ=environ: application(environ, lambda status, headers: None).close()

    found = {"driver": cost(statements()), "service": cost(services()), "short way": cost(requests())}
    short_way.CALLS.clear()
    return found | {"long way": cost(requests())}


def cost(calls: Iterable[Callable[[], Any]]) -> float:
    made = list(calls)
    for call in made[: len(made) // 5]:
        call()
    rest = made[len(made) // 5 :]
    began = time.process_time()
    for call in rest:
        call()
    return 1000 * (time.process_time() - began) / len(rest)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
