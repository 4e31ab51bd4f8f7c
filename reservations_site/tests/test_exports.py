"""Lists as files: what is listed, for those who may, without formulas, and with a trace."""

import csv
import io
import xml.etree.ElementTree as ET
import zipfile

import pytest
from django.http import HttpResponse
from django.test import Client

from reservations_site import exports
from reservations_site.events.models import Event
from reservations_site.events.tests.factories import hold
from reservations_site.reservations.models import AuditEntry
from reservations_site.tests.test_admin import auditor, groups, member, office, page  # noqa: F401 (fixtures)


@pytest.fixture
def producer(groups: None) -> Client:  # noqa: F811
    return member("Producción")


def rows_of(answer: HttpResponse) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def export(client: Client, kind: str = "csv", name: str = "reservations_reservation", **filters: str) -> HttpResponse:
    return client.get(page(f"{name}_export", kind), filters)


def test_the_file_holds_what_is_listed(event: Event, producer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    monkeypatch.setattr(exports.pages, "__kwdefaults__", {"size": 2})
    codes = [hold(event, f"A-{n}", rut=n, name=f"Ana {n}").reservation.code for n in (1, 2, 3)]
    title, *rows = rows_of(export(producer))
    assert title[:6] == ["código", "estado", "asientos", "RUT", "nombre", "correo"]
    assert [row[0] for row in rows] == codes[::-1]
    assert [row[0] for row in rows_of(export(producer, q="Ana 2"))[1:]] == [codes[1]]
    assert rows_of(export(producer, status="confirmed"))[1:] == []


def test_personal_data_goes_only_to_those_who_may_have_it(event: Event, office: Client) -> None:  # noqa: F811
    hold(event, "A-1", rut=12_345_678, name="Ana Soto", email="ana@example.cl")
    assert "Ana Soto" not in str(rows_of(export(office)))
    title, row = rows_of(export(office))
    assert "RUT" not in title
    assert row[2] == "A-1"
    audit = str(rows_of(export(office, name="reservations_auditentry")))
    assert "12345678" not in audit
    assert "reservó" in audit


@pytest.mark.parametrize("name", ["reservations_reservation", "reservations_auditentry", "events_event"])
def test_viewers_take_no_list_home(event: Event, auditor: Client, name: str) -> None:  # noqa: F811
    assert export(auditor, name=name).status_code == 403
    assert "export/csv" not in auditor.get(page(f"{name}_changelist")).content.decode()


def test_each_file_leaves_a_trace(event: Event, producer: Client) -> None:
    list(export(producer, q="12345678").streaming_content)
    entry = AuditEntry.objects.get(action="exported")
    assert (entry.by, entry.detail) == (
        "staff:user-Producción",
        {"list": "reservation", "format": "csv", "filters": "q=12345678", "personal": True},
    )
    assert export(producer, "pdf").status_code == 404


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "|calc", "%0A"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert str(exports.cell(text)).startswith("'")


@pytest.mark.parametrize(
    ("value", "shown"), [(25_000, 25_000), (-3, -3), (None, ""), ("Ñuñoa", "Ñuñoa"), ("a\x00b", "ab")]
)
def test_other_cells_are_as_they_are(value: object, shown: object) -> None:
    assert exports.cell(value) == shown


def test_the_sheet_holds_text_and_numbers_and_no_formula(event: Event, producer: Client) -> None:
    hold(event, "A-1", rut=1, name="=HYPERLINK(1)")
    answer = export(producer, "xlsx")
    assert "no-store" in answer["Cache-Control"]
    content = answer.getvalue()
    answer.close()
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    text = "".join(sheet.itertext())
    assert "'=HYPERLINK(1)" in text
    assert "10000" in text
    assert not [node for node in sheet.iter() if node.tag.endswith("}f")]


def test_the_events_are_exported_with_their_seats(event: Event, office: Client) -> None:  # noqa: F811
    hold(event, "A-1")
    assert rows_of(export(office, name="events_event"))[1][4:] == ["24", "23"]
