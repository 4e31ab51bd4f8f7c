"""A ticket as a calendar's entry (RFC 5545)."""

from datetime import UTC

from django.utils import timezone

from portal_site.checkout.ticket_cards import TicketCard

FOLD_BYTES = 75
IN_UTC = "%Y%m%dT%H%M%SZ"


def calendar_file(card: TicketCard) -> str:
    """The entry; the one of a refunded ticket cancels what the calendar already holds under its UID.

    The moment is given in UTC, which every calendar shows in its owner's zone. Needs `card.when`.
    """
    assert card.when is not None  # noqa: S101 (the view)
    ticket = card.ticket
    is_off = ticket.status == "REFUNDED"
    stamp = ticket.refunded_at or ticket.paid_at or ticket.created_at or timezone.now()
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//TicketFlow//portal//ES",
        "BEGIN:VEVENT",
        f"UID:{_text(ticket.external_id)}@ticketflow",
        f"SEQUENCE:{int(is_off)}",
        f"STATUS:{'CANCELLED' if is_off else 'CONFIRMED'}",
        f"DTSTAMP:{stamp.astimezone(UTC):{IN_UTC}}",
        f"DTSTART:{card.when.astimezone(UTC):{IN_UTC}}",
        f"SUMMARY:{_text(card.title)}",
        f"LOCATION:{_text(card.place)}",
        f"DESCRIPTION:{_text(card.seat)}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(_folded(line) + "\r\n" for line in lines)


def _text(text: str) -> str:
    for special in ("\\", ";", ","):
        text = text.replace(special, "\\" + special)
    return "\\n".join(text.splitlines())


def _folded(line: str) -> str:
    """No line is longer than 75 bytes, and no letter is cut in two."""
    parts: list[str] = []
    part = ""
    for letter in line:
        if len((part + letter).encode()) > FOLD_BYTES - bool(parts):
            parts.append(part)
            part = ""
        part += letter
    return "\r\n ".join([*parts, part])
