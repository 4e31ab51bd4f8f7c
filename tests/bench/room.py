"""`make bench-room`: a sale with a waiting room, and far more simulated buyers than seats.

Two replicas of the portal and of reservations behind nginx on PostgreSQL that syncs; of each site one is killed on the
way. Writes what came of it into docs/waiting-room.md, unless something was wrong.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import correlation
from typing import Any

from deploy.local.environments import ROOT
from tests.bench import report
from tests.bench.buyers import Buyer, Web
from tests.bench.load import at
from tests.bench.system import System, own_folder

FOLDER = ROOT / ".test" / "bench-room"
PAGE = ROOT / "docs" / "waiting-room.md"
BEGIN = "<!-- make bench-room writes from here -->"
# In the line, before their turn, such a share closes the page and never comes back.
GIVE_UP = 0.05
# So many come after the opening, within so many seconds.
LATE, LATE_SECONDS = 0.25, 60.0
ALL_HAVE_COME = 5.0
# Killed with -9 once this share of the seats is sold.
DEATHS = {"reservations-1": 0.1, "portal-1": 0.4}
# How a visit may end, and what may be answered on the way: 0 is nobody, while a replica dies.
ENDS = {"bought", "gave up in the line", "told in the line that all is sold", "found inside that all is sold"}
ANSWERS = {0, 200, 302, 409, 503}
MAKE_ROOM = """
INSERT INTO waiting_room_room (
    event_id, in_use, opens_at, rate, minutes, purchases, is_paused, last_number, door, early, credit, seed, is_sold_out
)
VALUES ({event}, true, now() + interval '{opens_in} seconds', {rate}, 10, 1, false, 0, 0, 0, 0, '', false)
"""
# What the database knows afterwards.
KNOWN = {
    "sold": "SELECT count(*), count(DISTINCT seat_id) FROM reservations_line",
    "messages": "SELECT count(*), count(DISTINCT aggregate) FROM outbox_outboxmessage",
    "reservations": "SELECT count(*), count(DISTINCT rut) FROM reservations_reservation",
    # Within any minute: from each admission, or reservation, a minute on.
    "let in": "SELECT max(n) FROM (SELECT count(*) OVER (ORDER BY let_in_at RANGE BETWEEN CURRENT ROW AND"
    " interval '59.999 seconds' FOLLOWING) n FROM waiting_room_place WHERE let_in_at IS NOT NULL) a",
    "reserved": "SELECT max(n) FROM (SELECT count(*) OVER (ORDER BY created_at RANGE BETWEEN CURRENT ROW AND"
    " interval '59.999 seconds' FOLLOWING) n FROM reservations_reservation) a",
    "places": "SELECT count(*), count(number), count(let_in_at), count(used_at) FROM waiting_room_place",
    "outside": "SELECT count(*) FROM waiting_room_place WHERE used_at IS NOT NULL AND"
    " (let_in_at IS NULL OR used_at < let_in_at OR used_at > expires_at OR uses > 1)",
}


def ranks(values: Sequence[float]) -> list[float]:
    """1 for the least; those that are equal share the middle of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or values[order[end]] != values[order[start]]:
            for place in order[start:end]:
                found[place] = (start + 1 + end) / 2
            start = end
    return found


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Spearman's: 1 when both are in the same order, near 0 when they have nothing to do with each other."""
    one, other = zip(*pairs, strict=True)
    return correlation(ranks(one), ranks(other))


async def sale(system: System, buyers: Sequence[Buyer], *, seats: int, seconds: float) -> list[str]:
    """Lets all of them live, at most so long, and kills a replica of each site while they buy. Those never killed."""
    began, lives = time.monotonic(), [asyncio.create_task(buyer.live()) for buyer in buyers]
    deaths = dict(DEATHS)
    while (now := time.monotonic() - began) < seconds and not all(life.done() for life in lives):
        outcomes = Counter(buyer.outcome for buyer in buyers)
        placed, sold = sum(buyer.number > 0 for buyer in buyers), sum(buyer.seats for buyer in buyers)
        for name, share in DEATHS.items():
            if name in deaths and sold >= share * seats:
                del deaths[name]
                system.stack.supervisor.kill(name)
                print(f"  killed {name}", flush=True)
        print(f"  {now:4.0f} s: {placed} have a number; {dict(outcomes.most_common(4))}", flush=True)
        await asyncio.sleep(5)
    for life in lives:
        life.cancel()
    ended = await asyncio.gather(*lives, return_exceptions=True)
    if errors := [one for one in ended if isinstance(one, Exception)]:
        raise errors[0]
    return list(deaths)


def known(system: System) -> dict[str, Any]:
    found: dict[str, Any] = {name: system.sql(question) for name, question in KNOWN.items()}
    places = (
        system.connections[0]
        .execute(
            "SELECT id, number, extract(epoch FROM created_at)::float, extract(epoch FROM let_in_at)::float,"
            " extract(epoch FROM used_at)::float, created_at < (SELECT opens_at FROM waiting_room_room)"
            " FROM waiting_room_place WHERE number IS NOT NULL"
        )
        .fetchall()
    )
    found["order"] = {
        "number and admission": rank_correlation([(n, let_in) for _id, n, _c, let_in, _u, _e in places if let_in]),
        "number and reservation": rank_correlation([(n, used) for _id, n, _c, _l, used, _e in places if used]),
        "arrival and number, before the opening": rank_correlation([(i, n) for i, n, _c, _l, _u, e in places if e]),
        "arrival and number, after it": rank_correlation([(i, n) for i, n, _c, _l, _u, e in places if not e]),
    }
    moments = [let_in for _number, let_in in sorted((n, let_in) for _id, n, _c, let_in, _u, _e in places if let_in)]
    found["overtaken"] = sum(one > other for one, other in pairwise(moments))
    return found


def problems(found: dict[str, Any], buyers: Sequence[Buyer], web: Web, *, seats: int, rate: int) -> list[str]:
    """What must not be, whatever the machine."""
    outcomes = Counter(buyer.outcome for buyer in buyers)
    bought, made = sum(buyer.seats for buyer in buyers), found["reservations"][0]
    checks = {
        f"{found['sold']} seats sold of {seats}": tuple(found["sold"]) != (seats, seats),
        f"buyers hold {bought} seats of {seats}": bought != seats,
        f"{found['messages']} messages of {found['reservations']} reservations": found["messages"] != (made, made),
        f"{found['let in'][0]} let in within a minute": found["let in"][0] > rate,
        f"{found['outside'][0]} reserved outside of their turn": found["outside"][0] > 0,
        f"{found['places'][0]} places of {len(buyers)} buyers": found["places"][0] != len(buyers),
        f"visits ended otherwise: {outcomes}": bool(outcomes.keys() - ENDS),
        f"answers: {web.statuses}": bool({status for _what, status in web.statuses} - ANSWERS),
        f"not killed: {found['not killed']}": bool(found["not killed"]),
        f"{found['overtaken']} overtaken": found["overtaken"] > 0,
    }  # fmt: skip
    return [what for what, is_wrong in checks.items() if is_wrong]


def page(
    found: dict[str, Any], buyers: Sequence[Buyer], web: Web, chosen: argparse.Namespace, took: float, about: str
) -> str:
    numbering = [buyer.numbered_at - buyer.opened_at for buyer in buyers if buyer.opened_at and buyer.numbered_at]
    of_what = f"{len(buyers):,} buyers for {chosen.seats:,} seats, {chosen.rate} let in a minute, in {took:.0f} s"
    lines = [
        f"{of_what} on one machine, the simulated browsers too. {about}.",
        "",
        "| | |",
        "| --- | --- |",
        f"| seats sold, each once | {found['sold'][1]:,} of {chosen.seats:,} |",
        f"| most let in within any minute | {found['let in'][0]} (rate {chosen.rate}) |",
        f"| most reservations within any minute | {found['reserved'][0]} |",
        f"| let in before somebody with a lower number | {found['overtaken']} |",
        f"| reservations outside of a turn, or a second one with it | {found['outside'][0]} |",
    ]
    lines += [f"| rank correlation of {what} | {value:.4f} |" for what, value in found["order"].items()]
    lines += [
        f"| from the opening to one's number, ms | p50 {at(numbering)['p50']:,.0f}, p99 {at(numbering)['p99']:,.0f} |"
    ]
    outcomes = Counter(buyer.outcome for buyer in buyers)
    lines += [f"| buyers: {outcome} | {count:,} |" for outcome, count in outcomes.most_common()]
    lines += ["", "| asked for | times | p50 ms | p99 ms | other answers than 2xx, 3xx, 409 |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for what, times in sorted(web.seconds.items()):
        answers = {status: n for (asked, status), n in web.statuses.items() if asked == what}
        bad = {status: n for status, n in answers.items() if status not in (200, 302, 409)}
        shown = ", ".join(f"{n} × {status or 'no answer'}" for status, n in sorted(bad.items())) or "0"
        lines.append(f"| {what} | {len(times):,} | {at(times)['p50']:.0f} | {at(times)['p99']:.0f} | {shown} |")
    return "\n".join([*lines, ""])


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-room", description=__doc__)
    parser.add_argument("--buyers", type=int, default=20_000)
    parser.add_argument("--seats", type=int, default=2_400)
    parser.add_argument("--rate", type=int, default=300, help="let in a minute")
    parser.add_argument("--opens-in", type=float, default=300.0, metavar="SECONDS", help="most come before that")
    parser.add_argument("--at-most", type=float, default=900.0, metavar="SECONDS")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    return parser.parse_args()


def main() -> int:
    chosen, about = options(), report.about()
    with own_folder(FOLDER), System(FOLDER, workers=1, portal=True) as system:
        if not system.has_nginx:
            raise SystemExit("nginx is not installed. On Debian: apt-get install nginx-light")
        first, event = system.make_event("sala", chosen.seats)
        system.sql(MAKE_ROOM.format(event=event, rate=chosen.rate, opens_in=chosen.opens_in))
        web = Web(system.stack.ports.portal)
        buyers = [
            Buyer(web, event, first, 1_000_000 + n, _arrival(chosen.opens_in), random.random() < GIVE_UP)
            for n in range(chosen.buyers)
        ]  # fmt: skip
        began = time.monotonic()
        left = asyncio.run(sale(system, buyers, seats=chosen.seats, seconds=chosen.at_most))
        took = time.monotonic() - began
        found = known(system) | {"not killed": left}
    text = page(found, buyers, web, chosen, took, about)
    print(f"\n{text}", flush=True)
    if wrong := problems(found, buyers, web, seats=chosen.seats, rate=chosen.rate):
        print("Wrong: " + "; ".join(wrong), file=sys.stderr)
        return 1
    if not chosen.dry:
        report.replace(PAGE, BEGIN, text)
    return 0


def _arrival(opens_in: float) -> float:
    """Seconds after the beginning: most before the opening, the others soon after."""
    if random.random() < LATE:
        return opens_in + random.random() * LATE_SECONDS
    return random.random() * max(0.0, opens_in - ALL_HAVE_COME)


if __name__ == "__main__":
    raise SystemExit(main())
