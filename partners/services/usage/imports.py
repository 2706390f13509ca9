"""Backfill from a CSV file: looked at first, then all of it in one transaction or nothing.

A dry run is the import itself, taken back at the end: what it tells is what the import does. Whoever kills an import
and starts it again counts nothing twice, because each row has its key.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import Counter
from collections.abc import Iterator
from typing import IO, NamedTuple

from django.db import transaction
from rest_framework.exceptions import ParseError

from billing_site.kit.api.parsers import parse_json
from billing_site.kit.errors import Refused
from partners.metering import EventReader, InvalidUsage, NewUsage, Reversal
from partners.metering.events import KNOWN_FIELDS
from partners.metering.repeats import CONFLICT
from partners.models import Partner
from partners.services.usage.effects import Effect, effects_of, month_sums
from partners.services.usage.locks import hold_usage
from partners.services.usage.recording import OF_A_REVERSAL, UNKNOWN, UsageItem, record_usage

MOST_BYTES = 32 * 2**20
MOST_ROWS = 200_000
MOST_TOLD = 200
# What the API says to who sends events, as it reads for us who import a file of them.
_IN_A_FILE = {
    CONFLICT: "An event with this key is kept already and says something else; this row is not counted.",
    UNKNOWN: "The partner has no event with the key to take back, or it is archived; nothing was taken back.",
    OF_A_REVERSAL: "The key to take back is a reversal itself; write the event again under a new key instead.",
    "This field is needed.": "This cell must not be empty.",
    "send idempotency_key and reverses alone.": "fill in idempotency_key and reverses alone.",
    "The body": "The cell",
}


class NotAUsageFile(Refused):
    """The file cannot be read as a table of usage."""


class ToldRow(NamedTuple):
    """A row that needs a look: in conflict with what is kept, or refused."""

    line: int
    idempotency_key: str
    fate: str
    sentence: str


class ImportReport(NamedTuple):
    """What an import does, or would do: rows by fate, the rows to look at, and the months that change."""

    new: int
    repeated: int
    conflict: int
    refused: int
    told: tuple[ToldRow, ...]
    effects: tuple[Effect, ...]

    @property
    def may_be_imported(self) -> bool:
        """Whether every row can be read, and something is new."""
        return not self.refused and self.new > 0


class _Row(NamedTuple):
    line: int
    event: NewUsage | Reversal | None
    key: str
    sentence: str = ""


@transaction.atomic
def import_usage(*, partner: Partner, file: IO[bytes], now: dt.datetime, dry_run: bool) -> ImportReport:
    """Import a file of usage since 2000, or only tell what it would do; a file with a refused row imports nothing.

    Nobody else adds to the partner's usage meanwhile. Raises NotAUsageFile.
    """
    hold_usage(partner)
    rows = list(_rows(file, EventReader(now=now, is_backfill=True)))
    if not rows:
        raise NotAUsageFile("The file holds a heading and no row.")
    before = month_sums(partner)
    events = [row.event for row in rows if row.event is not None]
    items = iter(record_usage(partner=partner, events=events, now=now).items)
    told = [_told(row, next(items)) if row.event is not None else _unread(row) for row in rows]
    effects = effects_of(partner, before=before, after=month_sums(partner))
    report = _report(told, effects)
    if dry_run or report.refused:
        transaction.set_rollback(True)
    return report


def _report(told: list[ToldRow], effects: list[Effect]) -> ImportReport:
    fates = Counter(row.fate for row in told)
    to_look_at = [row for row in told if row.fate in {"conflict", "refused"}]
    return ImportReport(
        new=fates["recorded"],
        repeated=fates["repeated"],
        conflict=fates["conflict"],
        refused=fates["refused"],
        told=tuple(to_look_at[:MOST_TOLD]),
        effects=tuple(effects),
    )


def _told(row: _Row, item: UsageItem) -> ToldRow:
    return ToldRow(row.line, row.key, item.fate, _in_a_file(item.sentence))


def _unread(row: _Row) -> ToldRow:
    return ToldRow(row.line, row.key, "refused", _in_a_file(row.sentence))


def _in_a_file(sentence: str) -> str:
    for sent, filed in _IN_A_FILE.items():
        sentence = sentence.replace(sent, filed)
    return sentence


def _rows(file: IO[bytes], reader: EventReader) -> Iterator[_Row]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        table = csv.DictReader(text, strict=True)
        _refuse_heading(table.fieldnames or [])
        for count, cells in enumerate(table, start=1):
            if count > MOST_ROWS:
                raise NotAUsageFile(f"The file holds more than {MOST_ROWS:,} rows; import it in parts.")
            yield _row(table.line_num, cells, reader)
    except UnicodeDecodeError as error:
        raise NotAUsageFile("The file is not UTF-8; save it as CSV (UTF-8).") from error
    except csv.Error as error:
        raise NotAUsageFile(f"Line {table.line_num} is not CSV: {error}.") from error
    finally:
        text.detach()


def _refuse_heading(names: object) -> None:
    found = list(names)  # type: ignore[call-overload]
    if "idempotency_key" not in found or len(set(found)) < len(found) or not set(found) <= KNOWN_FIELDS:
        known = ", ".join(sorted(KNOWN_FIELDS))
        raise NotAUsageFile(f"The first line names the columns, each once: idempotency_key and any of {known}.")


def _row(line: int, cells: dict[str | None, object], reader: EventReader) -> _Row:
    key = str(cells.get("idempotency_key") or "")
    if None in cells:
        return _Row(line, None, key, "This row has more cells than the heading.")
    try:
        return _Row(line, reader.read(_sent(cells)), key)
    except InvalidUsage as error:
        return _Row(line, None, key, str(error))
    except ParseError as error:
        return _Row(line, None, key, f"metadata: {error.detail}")


def _sent(cells: dict[str | None, object]) -> dict[object, object]:
    """An empty cell is a field that was not sent."""
    sent: dict[object, object] = {name: cell for name, cell in cells.items() if cell not in {"", None}}
    if "metadata" in sent:
        sent["metadata"] = parse_json(str(sent["metadata"]).encode())
    return sent
