"""The two file formats, written row by row."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import IO, Any

import xlsxwriter
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from import_export.formats import base_formats

from billing_site.kit.exports.cells import Cell

_MOST_XLSX_ROWS = 1_048_575  # a sheet ends there, its head not counted
_EXACT_DIGITS = 15  # beyond them a spreadsheet rounds
_LINES_AT_ONCE = 500


class TooManyRows(ValueError):
    """A sheet holds 1,048,575 rows; filter the list or export CSV."""


class CSV(base_formats.CSV):
    """UTF-8 with commas; amounts are plain numbers with a point."""

    def respond(self, rows: Iterable[list[Cell]], file_name: str) -> HttpResponseBase:
        response = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{file_name}"'
        return response


class XLSX(base_formats.XLSX):
    """A workbook of one sheet with a frozen head; written through a temporary file, in constant memory."""

    def respond(self, rows: Iterable[list[Cell]], file_name: str) -> HttpResponseBase:
        workbook = tempfile.TemporaryFile()  # noqa: SIM115 - FileResponse closes it
        write_xlsx(rows, workbook)
        workbook.seek(0)
        return FileResponse(workbook, as_attachment=True, filename=file_name, content_type=self.CONTENT_TYPE)


def csv_lines(rows: Iterable[list[Cell]]) -> Iterator[bytes]:
    """Yield a CSV file in pieces of some hundred lines."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for number, row in enumerate(rows, start=1):
        writer.writerow([_written(value) for value in row])
        if number % _LINES_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def write_xlsx(rows: Iterable[list[Cell]], out: IO[bytes]) -> None:
    """Write a workbook; raise TooManyRows where a sheet would end."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        styles = _styles(book)
        for number, row in enumerate(rows):
            if number > _MOST_XLSX_ROWS:
                raise TooManyRows(TooManyRows.__doc__)
            for column, value in enumerate(row):
                _write(sheet, number, column, value, styles)
        sheet.autofilter(0, 0, max(number, 1), max(len(row) - 1, 0))
        sheet.set_column(0, max(len(row) - 1, 0), 16)


def _styles(book: xlsxwriter.Workbook) -> Callable[[str], Any]:
    made: dict[str, Any] = {"head": book.add_format({"bold": True})}

    def style(name: str) -> Any:
        if name not in made:
            made[name] = book.add_format({"num_format": name})
        return made[name]

    return style


def _write(sheet: Any, number: int, column: int, value: Cell, style: Callable[[str], Any]) -> None:
    if value is None or value == "":
        return
    if number == 0:
        sheet.write_string(number, column, str(value), style("head"))
    elif isinstance(value, bool):
        sheet.write_boolean(number, column, value)
    elif isinstance(value, int):
        _write_number(sheet, number, column, value, style("0"))
    elif isinstance(value, Decimal):
        _write_number(sheet, number, column, value, style(_number_format(value)))
    elif isinstance(value, date):
        sheet.write_datetime(number, column, value, style("yyyy-mm-dd"))
    else:
        sheet.write_string(number, column, value)


def _write_number(sheet: Any, number: int, column: int, value: int | Decimal, style: Any) -> None:
    """Write what a spreadsheet would round as text."""
    number_of_digits = len(Decimal(value).normalize().as_tuple().digits)
    if Decimal(value).is_finite() and number_of_digits <= _EXACT_DIGITS:
        sheet.write_number(number, column, value, style)
    else:
        sheet.write_string(number, column, f"{value:f}" if isinstance(value, Decimal) else str(value))


def _number_format(value: Decimal) -> str:
    places = -int(value.as_tuple().exponent)
    return "#,##0." + "0" * places if places > 0 else "#,##0"


def _written(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")
