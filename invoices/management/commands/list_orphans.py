"""`manage.py list_orphans [--remove]`: the files of papers that no row names, a day after they were written."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing_site.kit.errors import Refused
from billing_site.kit.files import store_at_work
from billing_site.kit.wording import counted
from invoices.orphans import orphans, remove_orphans


class Command(BaseCommand):
    help = "List the files of invoices and credit notes, older than a day, that no row names."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--remove", action="store_true", help="remove them; without it nothing is changed")

    def handle(self, *, remove: bool, **_: Any) -> None:
        find = remove_orphans if remove else orphans
        try:
            with store_at_work(unharmed="No file that a row names was touched; try again."):
                names = find(now=timezone.now())
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        for name in names:
            self.stdout.write(name)
        self.stdout.write(_sentence(len(names), is_removed=remove))


def _sentence(number: int, *, is_removed: bool) -> str:
    if not number:
        return "Every file older than a day is named by a row: nothing to remove."
    found = f"{counted(number, 'file')} that no row names"
    return f"{found}: removed." if is_removed else f"{found}. Nothing was changed: --remove removes them."
