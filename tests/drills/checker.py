"""What became of every answer, once all has healed: lost, doubled, broken; and how long it took to come back."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests import invariants
from tests.drills.load import READING, Answered
from tests.invariants import Databases
from tests.world import DECLINED

RESERVING = ("reserve", "reserve_hot")
# Two answers further apart are a gap that a buyer may notice; the load reserves about eight times a second.
NOTICED = 1.0


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
    p50_ms: float
    p99_ms: float
    gap_by_kind: dict[str, float]


def check(databases: Databases, log: list[Answered], *, outside_is_promised: bool = True) -> Verdict:
    """Compares the log with both databases. Everything must be at rest."""
    verdict = Verdict(broken=invariants.at_rest(databases))
    _reservations(databases, log, verdict)
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


def _reservations(databases: Databases, log: list[Answered], verdict: Verdict) -> None:
    rows = databases.reservations_rows(
        "select r.idempotency_key, r.code, r.rut, array_agg(l.seat_id order by l.seat_id) "
        "from reservations_reservation r join reservations_line l on l.reservation_id = r.id group by r.id"
    )
    carried = {row[0] for row in databases.billing_rows("select external_id from tickets_ticket")}
    by_key: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        by_key[row[0]].append(row)
    of_rut = Counter(row[2] for row in rows)
    for key, (answer, _repeated) in final(log, *RESERVING).items():
        found = by_key[f"key:{key}"]
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


def measure(log: list[Answered], *, began: float, ended: float, breaks: Sequence[float]) -> Times:
    """What a buyer saw between `began` and `ended`; recovery counts from the fault of `breaks` that caused it."""
    seen = [answer for answer in log if began <= answer.began <= ended]
    faults = [answer for answer in seen if answer.is_fault]
    gap, recovery = _gap(answered_times(seen, RESERVING), began, ended, breaks)
    took = sorted(a.ended - a.began for a in seen if a.kind in RESERVING and not a.is_fault)
    kinds = {"read": ("events", "seat_map"), "billing": ("pay", "order", "refund"), "portal": ("portal",)}
    kinds["outside"] = ("outside",)
    return Times(
        requests=len(seen),
        errors=len(faults),
        errors_by_kind=dict(Counter(answer.kind for answer in faults)),
        longest_gap=round(gap, 2),
        recovery=round(recovery, 2),
        p50_ms=round(1000 * took[len(took) // 2], 1) if took else 0.0,
        p99_ms=round(1000 * took[int(len(took) * 0.99)], 1) if took else 0.0,
        gap_by_kind={
            name: round(_gap(answered_times(seen, some), began, ended, breaks)[0], 2) for name, some in kinds.items()
        },
    )


def answered_times(log: Iterable[Answered], kinds: Iterable[str]) -> list[float]:
    """When an answer came that was no fault."""
    return sorted(answer.ended for answer in log if answer.kind in kinds and not answer.is_fault)


def _gap(times: list[float], began: float, ended: float, breaks: Sequence[float]) -> tuple[float, float]:
    """The longest time without an answer, and the seconds from the fault that caused it to its end.

    0 seconds when nobody could notice: the gap is shorter than a second, or than twice the longest before the fault.
    """
    points = [began, *times, max(ended, began)]
    gaps = [(later - earlier, earlier) for earlier, later in pairwise(points)]
    longest = max(gaps, default=(0.0, began))[0]
    if not breaks:
        return longest, 0.0
    usual = max((length for length, since in gaps if since + length < breaks[0]), default=0.0)
    late = [(length, since) for length, since in gaps if since + length > breaks[0]]
    length, since = max(late, default=(0.0, began))
    if length <= max(NOTICED, 2 * usual):
        return longest, 0.0
    cause = max((at for at in breaks if at <= since + NOTICED), default=breaks[0])
    return longest, since + length - cause


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


def recorded(log: list[Answered]) -> list[Answered]:
    """Only requests that change something."""
    return [answer for answer in log if answer.kind not in READING]
