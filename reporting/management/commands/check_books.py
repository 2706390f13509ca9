"""`manage.py check_books`: ask the database whether the books balance; exit 1 when they do not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reporting.invariants import broken_invariants, broken_usage


class Command(BaseCommand):
    help = "Print every promise of the books that does not hold."

    def handle(self, **_: Any) -> None:
        broken = broken_invariants() + broken_usage()
        for one in broken:
            self.stdout.write(f"{one.name}: {one.detail}")
        if broken:
            raise CommandError(f"The books do not balance: {len(broken)} promises are broken.")
        self.stdout.write("The books balance.")
