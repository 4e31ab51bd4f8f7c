"""The ticket as a page: what is on it, and what cannot break it."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pypdf import PdfReader

from billing_site.accounts.models import Person
from billing_site.documents import pdf
from billing_site.documents.typesetting import fit, printable
from billing_site.tickets.models import Order, Ticket

STARTS = datetime(2026, 12, 13, 0, 30, tzinfo=UTC)  # the evening of the 12th in Santiago


def ticket(**changes) -> Ticket:
    order = {
        "code": changes.pop("code", "TF-7Q2K-M9XA-4RTZ"),
        "name": changes.pop("name", "María Ñuñoa Pérez"),
        "venue": changes.pop("venue", "Estadio Nacional"),
        "starts_at": changes.pop("starts_at", STARTS),
    }
    fields = {
        "external_id": "TF-0123456789abcdef0123456789abcdef",
        "event": "Concierto Rock Nacional",
        "event_id": 7,
        "seat_id": 9,
        "seat": "B-12",
        "section": "Platea Alta",
        "price": Decimal(25000),
    }
    return Ticket(order=Order(**order), person=Person(rut=12345678), **{**fields, **changes})


def read(content: bytes) -> str:
    reader = PdfReader(io.BytesIO(content))
    assert len(reader.pages) == 1
    return reader.pages[0].extract_text()


def test_the_page_says_everything_about_the_ticket() -> None:
    text = read(pdf.render(ticket()))
    for words in [
        "Concierto Rock Nacional",
        "Estadio Nacional",
        "Sábado 12 de diciembre de 2026",
        "21:30",
        "Platea Alta",
        "María Ñuñoa Pérez",
        "12.345.678-5",
        "$25.000",
        "TF-7Q2K-M9XA-4RTZ",
        "TF-0123456789abcdef0123456789abcdef",
        "Boleto personal",
    ]:
        assert words in text, words
    lines = text.splitlines()
    assert lines[lines.index("FILA") + 1] == "B"
    assert lines[lines.index("ASIENTO") + 1] == "12"


def test_an_outside_ticket_without_seat_date_or_name_has_its_page() -> None:
    outside = ticket(seat="", section="", seat_id=None, event_id=None, venue="", starts_at=None, name="")
    text = read(pdf.render(outside))
    assert "Entrada general" in text
    assert "FILA" not in text
    assert "RECINTO" not in text
    assert "Fecha según el organizador" in text


def test_the_page_is_there_in_english_too() -> None:
    text = read(pdf.render(ticket(), language="en"))
    assert "ROW" in text
    assert "Saturday 12 December 2026" in text


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("Ana 🎸 Núñez", "Ana Núñez"), ("Łukasz Dvořák", "Lukasz Dvorák"), ("山田 Ñandú", "?? Ñandú"), ("\x00\x07", "")],
)
def test_letters_that_the_font_lacks_do_not_break_the_page(typed: str, shown: str) -> None:
    assert printable(typed) == shown
    assert shown in read(pdf.render(ticket(name=typed, event=typed or "x")))


def test_very_long_words_are_wrapped_and_cut_inside_their_place() -> None:
    long = ticket(
        name="W" * 200, event="Ñ" * 200, section="S" * 60, seat="Z" * 60, venue="V" * 200, code="C" * 128,
        external_id="E" * 128,
    )  # fmt: skip
    assert read(pdf.render(long))
    fitted = fit("W" * 200, font=pdf.BOLD, width=200, sizes=(14, 9), lines=2)
    assert len(fitted.lines) == 2
    assert fitted.lines[-1].endswith("…")


def test_the_same_ticket_gives_the_same_bytes() -> None:
    assert pdf.render(ticket()) == pdf.render(ticket())


def test_the_code_is_at_least_four_centimetres_wide() -> None:
    assert 40 * pdf.mm <= pdf.QR_SIZE
