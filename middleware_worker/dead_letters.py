"""Dead letters: what cannot be used, with its reason, from our queues to billing's store."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from middleware_worker import broker

MAX_BODY = 64 * 1024
MAX_REASON = 500


def printable(text: str) -> str:
    """The text as UTF-8 can carry it: what producers send may hold halves of characters and NULs."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


@dataclass(frozen=True)
class DeadLetter:
    """`delivery_id` names one delivery: carried twice it is stored once. `size` is that of the whole body."""

    queue: str
    code: str
    reason: str
    body: bytes
    size: int
    delivery_id: str = field(default_factory=lambda: uuid4().hex)

    @classmethod
    def of(cls, body: bytes, *, queue: str, code: str, reason: str, delivery_id: str = "") -> "DeadLetter":
        return cls(
            queue=queue,
            code=code,
            reason=printable(reason)[:MAX_REASON],
            body=body[:MAX_BODY],
            size=len(body),
            delivery_id=delivery_id or uuid4().hex,
        )

    def headers(self) -> dict[str, Any]:
        return {
            "x-source-queue": self.queue,
            "x-code": self.code,
            "x-reason": self.reason,
            "x-size": str(self.size),
            "x-delivery-id": self.delivery_id,
        }

    def as_json(self) -> dict[str, Any]:
        """As billing's /api/internal/dead-letters takes it."""
        return {
            "queue": self.queue,
            "code": self.code,
            "reason": self.reason,
            "body_base64": base64.b64encode(self.body).decode(),
            "size": self.size,
            "delivery_id": self.delivery_id,
        }


@dataclass(frozen=True)
class Dropped:
    """A dead message that nobody has to look at: its outbox row is still open and is sent again."""

    source: str
    reason: str
    ids: tuple[str, ...]


def read(body: bytes, headers: Mapping[str, Any], *, message_id: str = "") -> list[DeadLetter] | Dropped:
    """What a message on the dead-letter queue stands for."""
    if "x-code" in headers:
        return [_ours(body, headers)]
    queue, reason = _death(headers)
    if headers.get("task") == broker.CARRY_TASK:
        source, items = _task(body)
        task_id = str(headers.get("id") or message_id)
        if source not in ("", "outside"):
            return Dropped(source, reason, tuple(str(item.get("id", "")) for item in items))
        if source == "outside" and items:
            return [
                DeadLetter.of(
                    json.dumps(item).encode(),
                    queue=queue,
                    code=reason,
                    reason=_sentence(reason),
                    delivery_id=f"{task_id}-{number}",
                )
                for number, item in enumerate(items)
            ]
    return [DeadLetter.of(body, queue=queue, code=reason, reason=_sentence(reason), delivery_id=message_id)]


def _ours(body: bytes, headers: Mapping[str, Any]) -> DeadLetter:
    size = str(headers.get("x-size", ""))
    return DeadLetter(
        queue=str(headers.get("x-source-queue", ""))[:60],
        code=str(headers["x-code"])[:40],
        reason=str(headers.get("x-reason", ""))[:MAX_REASON],
        body=body[:MAX_BODY],
        size=int(size) if size.isdigit() else len(body),
        delivery_id=str(headers.get("x-delivery-id") or uuid4().hex)[:100],
    )


def _death(headers: Mapping[str, Any]) -> tuple[str, str]:
    """Where and why RabbitMQ dead-lettered it, from the newest entry of x-death."""
    deaths = headers.get("x-death")
    newest = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    return str(newest.get("queue", broker.DEAD_LETTERS))[:60], str(newest.get("reason", "unknown"))[:40]


def _sentence(reason: str) -> str:
    return {
        "delivery_limit": "its handler was lost on every attempt",
        "rejected": "its handler refused it",
        "expired": "it was not taken in time",
        "maxlen": "its queue was full",
    }.get(reason, "it came to the dead letters without a reason")


def _task(body: bytes) -> tuple[str, list[dict[str, Any]]]:
    """The source and the messages of a Celery message; empty when it is something else."""
    try:
        _args, kwargs, _embed = json.loads(body)
        source, items = str(kwargs["source"]), kwargs["messages"]
        return source, [item for item in items if isinstance(item, dict)]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", []
