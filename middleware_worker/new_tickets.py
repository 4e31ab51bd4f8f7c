"""Reading what outside sellers send: bytes in, a valid `new_ticket` or the reason why not."""

import json
from typing import Any, NoReturn

from pydantic import ValidationError

from middleware_worker.contract.messages import NewTicket, OutsideTicket
from middleware_worker.dead_letters import printable

MAX_BYTES = 64 * 1024


class Unusable(Exception):
    """The content can never be accepted. `field` is the one at fault, empty when it is the whole."""

    def __init__(self, code: str, reason: str, *, field: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.field = code, printable(reason), field


def parse(body: bytes) -> NewTicket:
    """The ticket that a body asks for. Raises Unusable."""
    if len(body) > MAX_BYTES:
        raise Unusable("too_large", f"{len(body)} bytes; at most {MAX_BYTES} are read")
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Unusable("not_utf8", f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise Unusable("not_json", "nested too deeply") from error
    except ValueError as error:
        raise Unusable("not_json", f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unusable("not_an_object", f"a JSON object is wanted, not {type(found).__name__}")
    try:
        return NewTicket.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        raise Unusable("invalid", f"{field}: {first['msg'].removeprefix('Value error, ')}", field=field) from error


def as_message(ticket: NewTicket) -> dict[str, Any]:
    """The ticket as it travels to billing."""
    return OutsideTicket(**ticket.model_dump()).model_dump(mode="json")


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")
