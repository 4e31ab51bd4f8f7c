"""Text that always fits: what a PDF's standard fonts can show, wrapped and shrunk to its place."""

import unicodedata
from typing import NamedTuple

from reportlab.pdfbase.pdfmetrics import stringWidth

ENCODING = "cp1252"  # WinAnsi, the alphabet of the standard fonts; all of Spanish is in it.
# Letters that do not come apart into a base letter and an accent.
_CLOSE_ENOUGH = str.maketrans("łŁđĐıħĦ‐‑−\u00a0\u202f", "lLdDihH---  ")


class Fitted(NamedTuple):
    size: float
    lines: list[str]

    @property
    def leading(self) -> float:
        return self.size * 1.14


def printable(text: str) -> str:
    """The text in letters that the standard fonts have: ő becomes o, 🎸 goes, 山 becomes "?"."""
    result = []
    for char in unicodedata.normalize("NFC", text).translate(_CLOSE_ENOUGH):
        if _encodes(char):
            result.append(char)
            continue
        base = "".join(c for c in unicodedata.normalize("NFKD", char) if _encodes(c))
        if base:
            result.append(base)
        elif unicodedata.category(char).startswith("L"):
            result.append("?")
    return " ".join("".join(result).split())


def fit(text: str, *, font: str, width: float, sizes: tuple[float, float], lines: int = 1) -> Fitted:
    """The text at the greatest size at which it takes no more than so many lines; cut with … at the least size."""
    text = printable(text)
    size, least = sizes
    while True:
        wrapped = _wrap(text, font, size, width)
        if len(wrapped) <= lines:
            return Fitted(size, wrapped)
        if size <= least:
            return Fitted(size, [*wrapped[: lines - 1], _cut(wrapped[lines - 1] + "…", font, size, width)])
        size = max(least, size - 1)


def _wrap(text: str, font: str, size: float, width: float) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in text.split():
        wider = f"{line} {word}".strip()
        if stringWidth(wider, font, size) <= width:
            line = wider
            continue
        if line:
            lines.append(line)
        line = word
        # A word without spaces that is wider than the page is broken where it must.
        while stringWidth(line, font, size) > width and len(line) > 1:
            end = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or stringWidth(line[:n], font, size) <= width)
            lines.append(line[:end])
            line = line[end:]
    return [*lines, line] if line else lines or [""]


def _cut(line: str, font: str, size: float, width: float) -> str:
    while stringWidth(line, font, size) > width and len(line) > 2:
        line = line[:-2].rstrip() + "…"
    return line


def _encodes(char: str) -> bool:
    try:
        return bool(char.encode(ENCODING)) and unicodedata.category(char) != "Cc"
    except UnicodeEncodeError:
        return False
