"""The same call again gets the same answer: keys a caller, and a digest of what was asked under each."""

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from middleware_worker.outbox.transactions import confirm_replicated
from reservations_site.reservations import refusals, selectors
from reservations_site.reservations.models import Reservation
from reservations_site.reservations.selectors import Booking
from reservations_site.waiting_room.admission import Admission

AUTOMATIC = "auto:"


def digest(asked: dict[str, Any]) -> str:
    """A digest of a request that does not depend on the order of its fields."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def automatic_key() -> str:
    """A key for a call that brought none.

    A connection that is lost during COMMIT leaves the outcome unknown; the transaction is then run again
    and finds by this key what its first run wrote.
    """
    return f"{AUTOMATIC}{uuid.uuid4().hex}"


@dataclass(frozen=True)
class Claim:
    """Who asks, and the key and the digest under which the answer is kept."""

    rut: int
    name: str
    email: str
    caller: str
    by: str
    digest: str
    key: str = field(default_factory=automatic_key)
    # Who was let in by the event's waiting room.
    admission: Admission | None = None
    # The same call ran before and was cut off: it may have written its answer.
    is_run_again: bool = False

    def columns(self) -> dict[str, Any]:
        """What a reservation keeps of it."""
        return {
            "rut": self.rut,
            "name": self.name,
            "email": self.email,
            "caller": self.caller,
            "idempotency_key": self.key,
            "request_digest": self.digest,
        }

    @property
    def may_be_a_repeat(self) -> bool:
        return self.is_run_again or not self.key.startswith(AUTOMATIC)

    def found(self) -> Reservation | None:
        """The reservation that was made under this key. Raises 422 when it was made with another body."""
        reservation = Reservation.objects.filter(caller=self.caller, idempotency_key=self.key).first()
        if reservation is not None and reservation.request_digest != self.digest:
            raise refusals.idempotency_conflict()
        return reservation

    def answered_before(self) -> Booking | None:
        """The booking that this key got before; no question for a key that no caller knows."""
        return self.earlier_run() if self.may_be_a_repeat else None

    def earlier_run(self) -> Booking | None:
        """What an earlier run of this very call wrote, when it lost its connection during COMMIT."""
        if (found := self.found()) is None:
            return None
        # It is there, but maybe on this server alone.
        confirm_replicated()
        return selectors.booking(found)
