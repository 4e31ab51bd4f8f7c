"""What became of every answer, once all has healed: lost, doubled, broken; and how long it took to come back."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests import invariants
from tests.drills.load import Answered
from tests.invariants import Databases
from tests.world import DECLINED

RESERVING = ("reserve", "reserve_hot")
# The caller of a reservation that was made again from what billing knew; its key is known to nobody.
ADOPTED = "adopted"
# Two answers further apart are a gap that a buyer may notice; the load reserves about eight times a second.
NOTICED = 1.0
# A single failed request, long after the fault, is a missed aim; so many are a system that is not back.
HICCUPS = 2


@dataclass
class Verdict:
    """Lost: an acknowledged thing that is gone. Doubled: there twice. Broken: an invariant, or a refusal undone."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.broken)


@dataclass
class Times:
    """Counts and seconds of a run. The gap and the recovery are those of reservations that were granted or refused."""

    requests: int
    errors: int
    errors_by_kind: dict[str, int]
    longest_gap: float
    recovery: float
    failed_late: int
    p50_ms: float
    p99_ms: float
    gap_by_kind: dict[str, float]


def check(
    databases: Databases, log: list[Answered], *, outside_is_promised: bool = True, keys_are_promised: bool = True
) -> Verdict:
    """Compares the log with both databases. Everything must be at rest.

    Without promised keys a reservation may also be there under its code alone: one that was adopted from billing.
    """
    verdict = Verdict(broken=invariants.at_rest(databases))
    _reservations(databases, log, verdict, keys_are_promised=keys_are_promised)
    _cancellations(databases, log, verdict)
    _payments(databases, log, verdict)
    _tickets(databases, log, verdict)
    if outside_is_promised:
        _outside(databases, log, verdict)
    return verdict


def final(log: Iterable[Answered], *kinds: str) -> dict[str, tuple[Answered, bool]]:
    """Key → its last answer, and whether one before that was unknown."""
    found: dict[str, tuple[Answered, bool]] = {}
    for answer in log:
        if answer.kind in kinds:
            before = found.get(answer.key)
            found[answer.key] = (answer, before is not None and (before[1] or before[0].is_unknown))
    return found


def _reservations(databases: Databases, log: list[Answered], verdict: Verdict, *, keys_are_promised: bool) -> None:
    rows = databases.reservations_rows(
        "select r.idempotency_key, r.code, r.rut, array_agg(l.seat_id order by l.seat_id), r.caller "
        "from reservations_reservation r join reservations_line l on l.reservation_id = r.id group by r.id"
    )
    carried = {row[0] for row in databases.billing_rows("select external_id from tickets_ticket")}
    by_key: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        by_key[row[0]].append(row)
    of_rut = Counter(row[2] for row in rows)
    adopted = {} if keys_are_promised else {row[1]: [row] for row in rows if row[4] == ADOPTED}
    for key, (answer, _repeated) in final(log, *RESERVING).items():
        found = by_key[f"key:{key}"] or adopted.get(answer.about.get("code"), [])
        if len(found) > 1 or of_rut[answer.about["rut"]] > 1:
            verdict.doubled.append(f"reservation {key}: {found}")
        if answer.status == 201:
            if not found or found[0][1] != answer.about["code"]:
                verdict.lost.append(f"reservation {answer.about['code']} was granted, found: {found}")
            elif missing := set(answer.about["tickets"]) - carried:
                verdict.lost.append(f"tickets of {answer.about['code']}: {missing}")
            elif list(found[0][3]) != sorted(answer.about["seats"]):
                verdict.broken.append(f"reservation {answer.about['code']} has other seats: {found}")
        elif not answer.is_unknown and found:
            verdict.broken.append(f"reservation {key} was refused ({answer.status} {answer.word}), found: {found}")


def _cancellations(databases: Databases, log: list[Answered], verdict: Verdict) -> None:
    rows = databases.reservations_rows(
        "select r.code, l.status from reservations_reservation r join reservations_line l on l.reservation_id = r.id"
    )
    kept = {code for code, status in rows if status != "released"}
    for code, (answer, _repeated) in final(log, "cancel").items():
        if answer.status == 202 and code in kept:
            verdict.lost.append(f"cancellation of {code}")


def _payments(databases: Databases, log: list[Answered], verdict: Verdict) -> None:
    attempts = databases.billing_rows(
        "select o.code, a.idempotency_key, a.amount, "
        "(select coalesce(sum(r.amount), 0) from payments_refund r where r.attempt_id = a.id and r.ticket_id is null) "
        "from payments_paymentattempt a join tickets_order o on o.id = a.order_id where a.status = 'captured'"
    )
    captured = Counter(code for code, _key, amount, given_back in attempts if given_back < amount)
    keys = Counter(key for _code, key, _amount, _back in attempts)
    for key, (answer, _repeated) in final(log, "pay").items():
        order = answer.about["order"]
        if answer.status == 200 and not captured[order]:
            verdict.lost.append(f"payment of {order}")
        if captured[order] > 1 or keys[key] > 1:
            verdict.doubled.append(f"payment of {order}: {captured[order]} captures")
        if answer.word == "declined" and answer.about["card"] == DECLINED and keys[key]:
            verdict.broken.append(f"payment of {order} was declined and is captured")


def _tickets(databases: Databases, log: list[Answered], verdict: Verdict) -> None:
    rows = databases.billing_rows(
        "select t.external_id, t.status, (select count(*) from tickets_admission a where a.ticket_id = t.id) "
        "from tickets_ticket t"
    )
    status_of = {ticket: status for ticket, status, _admissions in rows}
    admitted = {ticket: count for ticket, _status, count in rows}
    for kind, wanted in (("refund", "REFUNDED"), ("check_in", "USED")):
        for ticket, (answer, repeated) in final(log, kind).items():
            is_so = status_of.get(ticket) == wanted
            if answer.status == 200 and not is_so:
                verdict.lost.append(f"{kind} of {ticket}: it is {status_of.get(ticket)}")
            elif answer.status == 409 and is_so and not repeated:
                verdict.broken.append(f"{kind} of {ticket} was refused ({answer.word}) and is done")
            if admitted.get(ticket, 0) > 1:
                verdict.doubled.append(f"admission of {ticket}")


def _outside(databases: Databases, log: list[Answered], verdict: Verdict) -> None:
    known = Counter(row[0] for row in databases.billing_rows("select external_id from tickets_ticket"))
    for ticket, (answer, _repeated) in final(log, "outside").items():
        if answer.status == 202 and not known[ticket]:
            verdict.lost.append(f"outside ticket {ticket}")
        if known[ticket] > 1:
            verdict.doubled.append(f"outside ticket {ticket}")


def measure(log: list[Answered], *, began: float, ended: float, events: Sequence[float], within: float) -> Times:
    """What a buyer saw between `began` and `ended`; `events` are when something was broken or healed.

    `failed_late` counts the reservations that failed later than `within` seconds after what was done last.
    """
    seen = [answer for answer in log if began <= answer.began <= ended]
    faults = [answer for answer in seen if answer.is_fault]
    took = sorted(a.ended - a.began for a in seen if a.kind in RESERVING and not a.is_fault)
    kinds = {"read": ("events", "seat_map"), "billing": ("pay", "order", "refund"), "portal": ("portal",)}
    kinds["outside"] = ("outside",)
    return Times(
        requests=len(seen),
        errors=len(faults),
        errors_by_kind=dict(Counter(answer.kind for answer in faults)),
        longest_gap=round(longest_gap(answered_times(seen, RESERVING), began, ended), 2),
        recovery=round(_recovery(seen, began, ended, events), 2),
        failed_late=sum(a.kind in RESERVING and a.began - _cause(a.began, events) > within for a in faults),
        p50_ms=round(1000 * took[len(took) // 2], 1) if took else 0.0,
        p99_ms=round(1000 * took[int(len(took) * 0.99)], 1) if took else 0.0,
        gap_by_kind={
            name: round(longest_gap(answered_times(seen, some), began, ended), 2) for name, some in kinds.items()
        },
    )


def answered_times(log: Iterable[Answered], kinds: Iterable[str]) -> list[float]:
    """When an answer came that was no fault."""
    return sorted(answer.ended for answer in log if answer.kind in kinds and not answer.is_fault)


def longest_gap(times: list[float], began: float, ended: float) -> float:
    """The longest time without an answer."""
    return max((later - earlier for earlier, later in pairwise([began, *times, max(ended, began)])), default=0.0)


def _recovery(seen: list[Answered], began: float, ended: float, events: Sequence[float]) -> float:
    """The longest time from anything that was done (`events`: faults, and what heals them) to the end of its trouble.

    Trouble is a reservation that was asked for and met a fault, and a gap between answers that a buyer may notice:
    longer than a second, and than twice the longest before the first fault. It is the fault of what was done last.
    """
    if not events:
        return 0.0
    times = answered_times(seen, RESERVING)
    gaps = [(earlier, later) for earlier, later in pairwise([began, *times, max(ended, began)])]
    usual = max((later - earlier for earlier, later in gaps if later < events[0]), default=0.0)
    noticed = [(since, until) for since, until in gaps if until - since > max(NOTICED, 2 * usual) and until > events[0]]
    failed = [(a.began, a.began) for a in seen if a.kind in RESERVING and a.is_fault and a.began > events[0]]
    longest = 0.0
    for since, until in (*noticed, *failed):
        longest = max(longest, until - _cause(since + NOTICED, events))
    return longest


def _cause(at: float, events: Sequence[float]) -> float:
    """When that was done which trouble at this time is put down to: what was done last."""
    return max((done for done in events if done <= at), default=events[0] if events else at)


def carried_seconds(databases: Databases, log: list[Answered]) -> list[float]:
    """Seconds from each granted reservation to its arrival in billing, sorted."""
    codes = {answer.about["code"] for answer in log if answer.status == 201}
    made = dict(
        databases.reservations_rows("select code, extract(epoch from created_at)::float8 from reservations_reservation")
    )
    arrived = databases.billing_rows(
        "select code, timestampdiff(microsecond, '1970-01-01', created_at) / 1e6 from tickets_order"
    )
    return sorted(float(at) - made[code] for code, at in arrived if code in codes and code in made)


def arrived_per_second(databases: Databases, codes: Iterable[str]) -> float:
    """Tickets a second from the first order's arrival in billing to the last one's; 0 while one is missing."""
    rows = databases.billing_rows(
        "select o.code, timestampdiff(microsecond, '1970-01-01', o.created_at) / 1e6, count(*) "
        "from tickets_order o join tickets_ticket t on t.order_id = o.id group by o.id"
    )
    wanted = set(codes)
    found = [(float(at), count) for code, at, count in rows if code in wanted]
    if len(found) < len(wanted):
        return 0.0
    times = sorted(at for at, _count in found)
    return round(sum(count for _at, count in found) / max(0.001, times[-1] - times[0]), 1)
