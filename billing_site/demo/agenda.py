"""Things that happen one after another: what is done today may note something for later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush

from django.utils import timezone

Act = Callable[[dt.datetime], object]


class Agenda:
    """Plays acts in the order of their time, up to the end of the story; an act is told when it happens."""

    def __init__(self, *, ends_at: dt.datetime) -> None:
        self.ends_at = ends_at
        self._noted = 0
        self._waiting: list[tuple[dt.datetime, int, Act]] = []

    def note(self, at: dt.datetime, act: Act) -> None:
        """Remember to do something; what lies beyond the end of the story never happens."""
        self._noted += 1
        if at < self.ends_at:
            heappush(self._waiting, (at, self._noted, act))

    def play(self) -> None:
        while self._waiting:
            at, _, act = heappop(self._waiting)
            with as_if(at):
                act(at)


@contextmanager
def as_if(now: dt.datetime) -> Iterator[None]:
    """Let rows remember that they were made then, in the columns that Django fills itself."""
    real = timezone.now
    timezone.now = lambda: now
    try:
        yield
    finally:
        timezone.now = real
