"""The sentences one can say about breaks."""

from __future__ import annotations

from typing import Self

from django.db import models

from reporting.enums import BreakStatus


class BreakQuerySet(models.QuerySet):
    def open(self) -> Self:
        return self.filter(status=BreakStatus.OPEN)

    def unowned(self) -> Self:
        """Open, and nobody works on it."""
        return self.open().filter(owner=None)
