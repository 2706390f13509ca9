"""`manage.py import_usage FILE --partner NAME [--dry-run]`: backfill usage of any age from a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing_site.kit.errors import Refused, sentence_of
from partners.models import Partner
from partners.services.usage.imports import ImportReport, import_usage


class Command(BaseCommand):
    help = "Import usage from a CSV file, all of it or nothing; sent again, nothing is counted twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, UTF-8, with the fields of the API as its columns")
        parser.add_argument("--partner", required=True, help="the partner's name")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would change")

    def handle(self, *, file: Path, partner: str, dry_run: bool, **_: Any) -> None:
        found = Partner.objects.filter(name=partner).first()
        if found is None:
            raise CommandError(f"There is no partner named {partner!r}.")
        try:
            with file.open("rb") as opened:
                report = import_usage(partner=found, file=opened, now=timezone.now(), dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except Refused as refusal:
            raise CommandError(sentence_of(refusal)) from refusal
        self._tell(report, dry_run=dry_run)

    def _tell(self, report: ImportReport, *, dry_run: bool) -> None:
        for row in report.told:
            self.stdout.write(f"line {row.line}, {row.idempotency_key or 'no key'}: {row.fate}. {row.sentence}")
        for effect in report.effects:
            self.stdout.write(str(effect))
        fates = {"new": report.new, "repeats": report.repeated, "conflicts": report.conflict, "refused": report.refused}
        counts = ", ".join(f"{number:,} {fate}" for fate, number in fates.items())
        if report.refused:
            raise CommandError(f"{counts}. Nothing was imported: correct the refused rows first.")
        self.stdout.write(f"{counts}. {'Nothing was imported: a dry run.' if dry_run else 'Imported.'}")
