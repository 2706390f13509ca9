"""Old usage goes to a file: a billed month's events, as gzipped CSV, read back and compared before rows are deleted.

Killed anywhere, it starts again: a file is named by what it holds, so that it is found and used again; the row that
names it, and the deletion, are one transaction. The daily sums stay where they are.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction

from billing_site.kit.errors import Refused
from billing_site.kit.files import store_at_work
from billing_site.kit.money import plain
from billing_site.kit.periods import Period
from partners.metering import LONGEST_MEMORY
from partners.metering.counts import REQUEST
from partners.models import ApiUsage, Contract, Partner, UsageArchive, UsageEvent
from partners.services.late.finding import late_usage
from partners.services.usage.locks import hold_usage
from partners.services.zones import zone_named

CHUNK = 2**20
_COLUMNS = (
    "id", "idempotency_key", "event_type", "occurred_at", "quantity", "user_id", "api_key_prefix", "endpoint",
    "resource_id", "metadata", "reverses", "created_at",
)  # fmt: skip
_COPY = f"""
COPY (SELECT {", ".join(_COLUMNS)} FROM usage_events
      WHERE partner_id = %s AND occurred_at >= %s AND occurred_at < %s ORDER BY occurred_at, id)
TO STDOUT WITH (FORMAT csv, HEADER)
"""  # noqa: S608
Sums = dict[str, dict[str, Any]]


class TooYoung(Refused):
    """The API may still add to the month."""


class NotYetBilled(Refused):
    """The month holds usage that no invoice asks for."""


class FileDiffers(Refused):
    """What was read back is not what the database holds."""


class Contents(NamedTuple):
    """What a file holds, as it was read back."""

    size: int
    sha256: str
    events: int
    sums: Sums


def archive_usage(*, partner: Partner, month: Period, now: dt.datetime) -> UsageArchive:
    """Move the month's events to a file; return the row that names it, which a second call finds again.

    Raises TooYoung, NotYetBilled, StoreFailed and FileDiffers, after which nothing is deleted.
    """
    month = Period(month.start, month.end, zone_named(partner.billing_time_zone, of=str(partner)))
    known = UsageArchive.objects.filter(partner=partner, period_start=month.start).first()
    if known is not None:
        return known
    _refuse(partner, month, now)
    with store_at_work(unharmed="Nothing was deleted; the next night tries again."):
        name = _stored(partner, month)
        with default_storage.open(name) as file:
            contents = read_back(file)
    return _replaced(partner, month, name, contents)


def months_to_archive(*, now: dt.datetime, kept_months: int) -> Iterator[tuple[Partner, Period]]:
    """Find the months that are over for longer than `kept_months`, hold events, and are billed; oldest first."""
    for partner in Partner.objects.order_by("pk"):
        zone = zone_named(partner.billing_time_zone, of=str(partner))
        last = _months_back(now.astimezone(zone).date(), kept_months, zone)
        oldest = UsageEvent.objects.filter(partner=partner).order_by("occurred_at").first()
        month = None if oldest is None else Period.month(*_year_and_month(oldest.occurred_at, zone), zone)
        while month is not None and month.end <= last.start:
            if _events_of(partner, month).exists() and _may_go(partner, month, now):
                yield partner, month
            month = month.next_month()


def read_back(file: IO[bytes]) -> Contents:
    """Read a kept file to its end, a piece at a time, and say what it holds."""
    digest, counted = _Digest(file), 0
    sums: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    with gzip.open(digest, "rb") as plain, io.TextIOWrapper(plain, encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            quantity, (requests, before) = Decimal(row["quantity"]), sums[row["event_type"]]
            one = int(quantity) if row["event_type"] == REQUEST else (1 if quantity > 0 else -1)
            sums[row["event_type"]] = (requests + one, before + quantity)
            counted += 1
    digest.rest()
    return Contents(digest.size, digest.sha256.hexdigest(), counted, _as_json(sums))


def _refuse(partner: Partner, month: Period, now: dt.datetime) -> None:
    if month.ends_at > now - LONGEST_MEMORY:
        raise TooYoung(f"{month.label()} ended less than {LONGEST_MEMORY.days} days ago: the API may still add to it.")
    unbilled = Contract.objects.of(partner).unbilled(start=month.start, end=month.end)
    if unbilled.exists():
        raise NotYetBilled(f"{month.label()} of contract {unbilled[0].reference} is not billed; bill it first.")
    late = late_usage(since=month.start, before=month.end, contracts=Contract.objects.of(partner))
    if late:
        raise NotYetBilled(
            f"{month.label()} of contract {late[0].contract.reference} holds late usage; bill that first."
        )
    days = ApiUsage.objects.filter(partner=partner).within(start=month.start, end=month.end).without_contract()
    if days.exists():
        raise NotYetBilled(f"{month.label()} of {partner} holds usage without a contract; agree on one, or reverse it.")


def _may_go(partner: Partner, month: Period, now: dt.datetime) -> bool:
    try:
        _refuse(partner, month, now)
    except (TooYoung, NotYetBilled):
        return False
    return True


def _stored(partner: Partner, month: Period) -> str:
    """Write the file and return its name; one that a killed run left is used again."""
    with TemporaryFile() as written:
        with (
            gzip.GzipFile(fileobj=written, mode="wb", mtime=0, filename="") as packed,
            connection.cursor() as cursor,
            cursor.copy(_COPY, [partner.pk, month.starts_at, month.ends_at]) as copy,
        ):
            for piece in copy:
                packed.write(piece)
        sha256 = _sha256_of(written)
        name = f"usage/{partner.pk}/{month.label()}-{sha256[:16]}.csv.gz"
        if default_storage.exists(name):
            with default_storage.open(name) as kept:
                if _sha256_of(kept) == sha256:
                    return name
        return str(default_storage.save(name, File(written)))  # beside one that a kill cut short


def _sha256_of(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return digest


@transaction.atomic
def _replaced(partner: Partner, month: Period, name: str, contents: Contents) -> UsageArchive:
    """Put the file in the place of the rows: events are only ever added, so the same number are the same events."""
    hold_usage(partner)
    held = _sums_of(partner, month)
    if (contents.events, contents.sums) != held:
        raise FileDiffers(f"{name} holds {contents.events:,} events, the database {held[0]:,}: nothing was deleted.")
    archive = UsageArchive.objects.create(
        partner=partner,
        period_start=month.start,
        period_end=month.end,
        starts_at=month.starts_at,
        ends_at=month.ends_at,
        events=contents.events,
        sums=contents.sums,
        file_name=name,
        size=contents.size,
        sha256=contents.sha256,
    )
    with connection.cursor() as cursor:  # the ORM would first read every event it deletes
        cursor.execute(
            "DELETE FROM usage_events WHERE partner_id = %s AND occurred_at >= %s AND occurred_at < %s",
            [partner.pk, month.starts_at, month.ends_at],
        )
    return archive


def _sums_of(partner: Partner, month: Period) -> tuple[int, Sums]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_type, count(*), "
            "sum(CASE event_type WHEN 'request' THEN quantity ELSE sign(quantity) END)::bigint, sum(quantity) "
            "FROM usage_events WHERE partner_id = %s AND occurred_at >= %s AND occurred_at < %s GROUP BY 1",
            [partner.pk, month.starts_at, month.ends_at],
        )
        rows = cursor.fetchall()
    return sum(row[1] for row in rows), _as_json({meter: (requests, quantity) for meter, _, requests, quantity in rows})


def _events_of(partner: Partner, month: Period) -> Any:
    return UsageEvent.objects.filter(partner=partner).within(starts_at=month.starts_at, ends_at=month.ends_at)


def _as_json(sums: dict[str, tuple[int, Decimal]]) -> Sums:
    return {
        meter: {"requests": requests, "quantity": plain(quantity)}
        for meter, (requests, quantity) in sorted(sums.items())
    }


def _months_back(today: dt.date, months: int, zone: ZoneInfo) -> Period:
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return Period.month(year, month + 1, zone)


def _year_and_month(instant: dt.datetime, zone: ZoneInfo) -> tuple[int, int]:
    local = instant.astimezone(zone)
    return local.year, local.month


class _Digest(io.RawIOBase):
    """Reads a file and adds up what passes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sha256, self.size = file, hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.sha256.update(piece)
        self.size += len(piece)
        return piece

    def rest(self) -> None:
        while self.read(CHUNK):
            pass
