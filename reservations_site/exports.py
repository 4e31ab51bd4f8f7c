"""What a list of the admin shows, as CSV or XLSX: read in pages, so that a long list takes no long query."""

import csv
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO, Any, NamedTuple, cast

import xlsxwriter  # type: ignore[import-untyped]
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from reservations_site.reservations import audit
from reservations_site.staff import PrimaryAdmin, actor

PAGE = 1000
# Past this a sheet is no longer something that a person reads; CSV has no end.
SHEET_ROWS = 100_000
# What makes a program that opens the file take a cell for a formula (OWASP, CSV injection), wide forms included.
FORMULA = re.compile(r"^\s*[=+\-@＝＋－＠|%]|^[\t\r\n]")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
KINDS = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


class Column(NamedTuple):
    """A column of the file. One with personal data is left out, or masked, for those who may not have it."""

    title: Any
    value: Callable[[Any], Any]
    personal: bool = False
    masked: Callable[[Any], Any] | None = None


def cell(value: Any) -> str | int:
    """A number as it is; everything else as text that no program takes for a formula."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    text = CONTROL.sub("", "" if value is None else str(value))
    return f"'{text}" if FORMULA.match(text) else text


def pages(rows: QuerySet[Any], *, size: int = PAGE) -> Iterator[list[Any]]:
    """All rows, newest first, in short queries: no cursor is held while a slow reader reads."""
    rows = rows.order_by("-pk")
    found = list(rows[:size])
    while found:
        yield found
        found = list(rows.filter(pk__lt=found[-1].pk)[:size]) if len(found) == size else []


class _Line:
    """A file that keeps nothing: the csv module writes into it, and gets the line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The file, a line at a time; its mark tells spreadsheets that it is UTF-8."""
    write = csv.writer(_Line()).writerow
    yield "\ufeff" + str(write([cell(title) for title in titles]))
    for row in rows:
        yield str(write([cell(value) for value in row]))


def xlsx_file(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> IO[bytes]:
    """The file on disk, rewound; a row is kept in memory at a time."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
    with xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for column, title in enumerate(titles):
            sheet.write_string(0, column, str(cell(title)), book.add_format({"bold": True}))
        for number, row in enumerate(rows, start=1):
            if number > SHEET_ROWS:
                sheet.write_string(number, 0, _("La lista sigue: use CSV"))
                break
            for column, value in enumerate(cell(value) for value in row):
                write = sheet.write_number if isinstance(value, int) else sheet.write_string
                write(number, column, value)
    file.seek(0)
    return cast("IO[bytes]", file)


class ExportingAdmin(PrimaryAdmin):
    """Offers the list, with its filters and search, as files to those who may have them; each is audited."""

    change_list_template = "admin/exporting_list.html"
    export_columns: Sequence[Column]

    def complete(self, rows: Sequence[Any]) -> None:
        """Adds to a page of rows what the list does not read with them."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/<str:kind>/", view, name=name), *super().get_urls()]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("reservations.export_lists")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may = {"may_export": self.has_export_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **may})

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        if not self.has_export_permission(request):
            raise PermissionDenied
        if kind not in KINDS:
            raise Http404
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return redirect("../../")
        may_see = request.user.has_perm("reservations.export_personal_data")
        columns = [column for column in self.export_columns if may_see or not column.personal or column.masked]
        values = [column.masked if column.masked and not may_see else column.value for column in columns]
        language = translation.get_language()

        def lines() -> Iterator[list[Any]]:
            for page in pages(rows):
                self.complete(page)
                # A stream is read after the request has ended, and its language with it.
                with translation.override(language):
                    found = [[value(row) for value in values] for row in page]
                yield from found

        name = str(self.opts.model_name)
        audit.record(
            by=actor(request),
            action="exported",
            list=name,
            format=kind,
            filters=request.GET.urlencode()[:500],
            personal=may_see and any(column.personal for column in columns),
        )
        titles = [str(column.title) for column in columns]
        headers = {
            "Content-Disposition": f'attachment; filename="{name}-{timezone.localdate()}.{kind}"',
            "Cache-Control": "no-store",
        }
        if kind == "csv":
            return StreamingHttpResponse(csv_lines(titles, lines()), content_type=KINDS[kind], headers=headers)
        return FileResponse(xlsx_file(titles, lines()), content_type=KINDS[kind], headers=headers)
