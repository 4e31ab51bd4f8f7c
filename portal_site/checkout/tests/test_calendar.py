"""The calendar's entry of a ticket."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from portal_site.checkout.calendar import calendar_file
from portal_site.checkout.ticket_cards import TicketCard
from portal_site.clients.billing import Ticket
from portal_site.clients.tests.fakes import Sites

SUMMER = datetime(2026, 12, 12, 20, 0, tzinfo=ZoneInfo("America/Santiago"))
WINTER = datetime(2026, 7, 12, 20, 0, tzinfo=ZoneInfo("America/Santiago"))


def card(status: str = "PAID", *, at: datetime = SUMMER, event: str = "Rock") -> TicketCard:
    ticket = Ticket(external_id="TF-1-1", status=status, event=event, venue="Arena", seat="A-1", starts_at=at)
    return TicketCard(ticket)


def test_the_moment_is_right_in_summer_and_in_winter() -> None:
    assert "DTSTART:20261212T230000Z\r\n" in calendar_file(card())
    assert "DTSTART:20260713T000000Z\r\n" in calendar_file(card(at=WINTER))


def test_a_refunded_ticket_cancels_the_entry_under_the_same_uid() -> None:
    paid, refunded = calendar_file(card()), calendar_file(card("REFUNDED"))
    assert "UID:TF-1-1@ticketflow\r\nSEQUENCE:0\r\nSTATUS:CONFIRMED\r\n" in paid
    assert "UID:TF-1-1@ticketflow\r\nSEQUENCE:1\r\nSTATUS:CANCELLED\r\n" in refunded


def test_long_names_are_folded_and_special_letters_escaped() -> None:
    found = calendar_file(card(event="Ñandú; y, más\nEND:VEVENT " + "ñ" * 80))
    assert all(len(line.encode()) <= 75 for line in found.split("\r\n"))
    assert r"SUMMARY:Ñandú\; y\, más\nEND:VEVENT" in found.replace("\r\n ", "")
    assert found.count("\r\nEND:VEVENT") == 1


@pytest.mark.django_db
def test_only_who_knows_the_code_gets_the_file_of_a_paid_ticket(client: Client, sites: Sites) -> None:
    seat = sites.seats[1][0]
    sites.take(seat["id"])
    code = sites.hold([seat], rut=12345678)
    ticket = sites.orders[code]["tickets"][0]["external_id"]
    assert client.get(f"/orden/{code}/boleto/{ticket}/calendario.ics").status_code == 404
    sites.settle(code)
    answer = client.get(f"/orden/{code}/boleto/{ticket}/calendario.ics")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert client.get(f"/boleto/{ticket}/calendario.ics").status_code == 302
