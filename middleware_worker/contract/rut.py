"""The Chilean RUT: a number 1…99,999,999 and a check digit that catches typing errors.

Stored without the check digit, shown with it (``12.345.678-5``).
Check digit: factors 2–7 from the right, 11 − (sum mod 11); 11 → 0, 10 → K (Servicio de Impuestos Internos).
"""

import re

MIN_RUT = 1
MAX_RUT = 99_999_999

_TYPED = re.compile(r"(\d{1,8})([\dK])")


class InvalidRut(ValueError):
    """The text is no RUT, or its check digit does not fit."""


def check_digit(number: int) -> str:
    """The check digit of a RUT number: "0"…"9" or "K"."""
    total, factor = 0, 2
    while number:
        number, digit = divmod(number, 10)
        total += digit * factor
        factor = 2 if factor == 7 else factor + 1
    rest = 11 - total % 11
    return {11: "0", 10: "K"}.get(rest, str(rest))


def parse_rut(text: str) -> int:
    """The number of a RUT that a person typed, with or without dots, spaces and dash.

    Raises InvalidRut when it has no check digit, a wrong one, or is out of range.
    """
    compact = re.sub(r"[.\s\-‐–]", "", text).upper()
    match = _TYPED.fullmatch(compact)
    if match is None or not compact.isascii():
        raise InvalidRut(text)
    number = int(match[1])
    if number < MIN_RUT or check_digit(number) != match[2]:
        raise InvalidRut(text)
    return number


def format_rut(number: int) -> str:
    """The RUT as people write it: 12345678 → "12.345.678-5"."""
    return f"{number:,}".replace(",", ".") + f"-{check_digit(number)}"
