"""Finding people by a RUT however it was typed: 12.345.678-5, 12345678-5, 123456785, 12 345 678, 12345678."""

import contextlib
import re

from middleware_worker.contract.rut import MAX_RUT, MIN_RUT, InvalidRut, parse_rut


def ruts_meant(text: str) -> set[int]:
    """The RUT numbers that the text may mean; empty when it is no RUT.

    Digits alone are ambiguous: the last one may be the check digit. Both readings are given.
    """
    found = set()
    with contextlib.suppress(InvalidRut):
        found.add(parse_rut(text))
    compact = re.sub(r"[.\s]", "", text)
    if compact.isascii() and compact.isdigit() and len(compact) <= 8 and MIN_RUT <= int(compact) <= MAX_RUT:
        found.add(int(compact))
    return found
