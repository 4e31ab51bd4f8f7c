"""Dead letters of outside sellers: kept with their reason until a person has replayed or discarded them."""

import hashlib
import json
from typing import NoReturn

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import ValidationError

from billing_site.dead_letters import locks
from billing_site.dead_letters.models import DeadLetter
from billing_site.tickets import audit
from billing_site.tickets.messages import receive
from middleware_worker.contract.messages import NewTicket
from middleware_worker.outbox.transactions import retrying

Status = DeadLetter.Status

MAX_KEPT = 64 * 1024


def store(*, queue: str, code: str, reason: str, body: bytes, delivery_id: str, size: int | None = None) -> DeadLetter:
    """The dead letter of one delivery; carried twice it is stored once.

    At most 64 KiB of the body are kept; `size` says what it had, when the carrier has cut it already.
    """
    kept = body[:MAX_KEPT]
    digest = hashlib.sha256(delivery_id.encode("utf-8", "replace") + b"\n" + kept).hexdigest()
    row = DeadLetter(
        digest=digest,
        queue=queue[:60],
        code=code[:40],
        reason=reason,
        body=kept,
        size=max(size or 0, len(body)),
    )
    DeadLetter.objects.bulk_create([row], ignore_conflicts=True)
    return DeadLetter.objects.get(digest=digest)


def listed(*, status: str = Status.OPEN) -> QuerySet[DeadLetter]:
    """Dead letters with a status, newest first."""
    return DeadLetter.objects.filter(status=status).order_by("-received_at", "-id")


def replay(*, dead_letter: DeadLetter, by: str) -> bool:
    """Reads the body again as a `new_ticket`; True when billing has the ticket now.

    False when it is refused again (the new reason is kept), or when somebody else has dealt with it.
    """
    if dead_letter.status != Status.OPEN:
        return False
    code, reason = _take(bytes(dead_letter.body), size=dead_letter.size)
    done = _note(dead_letter.pk, status=Status.OPEN if code else Status.REPLAYED, code=code, reason=reason, by=by)
    return done and not code


def discard(*, dead_letter: DeadLetter, by: str) -> bool:
    """Puts a dead letter aside for good, on record with who did it; False when somebody else has dealt with it."""
    return _note(dead_letter.pk, status=Status.DISCARDED, code="", reason="", by=by)


@retrying
def _note(id: int, *, status: str, code: str, reason: str, by: str) -> bool:
    row = locks.letter(id)
    if row is None or row.status != Status.OPEN:
        return False
    row.status, row.changed_at, row.changed_by = status, timezone.now(), by[:120]
    row.code, row.reason = code or row.code, reason or row.reason
    row.save(update_fields=["status", "code", "reason", "changed_at", "changed_by"])
    audit.record(
        f"dead_letter.{status if status != Status.OPEN else 'refused_again'}",
        by=by,
        reason=row.reason,
        detail={"dead_letter": row.pk},
    )
    return True


def _take(body: bytes, *, size: int) -> tuple[str, str]:
    """("", "") when billing has the ticket now, else the code and the reason."""
    if size > len(body):
        return "too_large", _("El mensaje tenía %d bytes y no se guardó entero") % size
    try:
        ticket = NewTicket.model_validate(json.loads(body.decode(), parse_constant=_no_number))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return "invalid", f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
    except (ValueError, RecursionError) as error:
        return "not_json", f"{type(error).__name__}: {error}"[:500]
    answer = receive([{**ticket.model_dump(mode="json"), "type": "ticket.outside"}])[0]
    return ("", "") if answer.result == "done" else (answer.code or answer.result, answer.error)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")
