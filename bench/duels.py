"""Owns what is measured: two ways to do one thing, in turns, and the ratio that is asked of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

ROUNDS = 3


@dataclass(frozen=True)
class Side:
    """One way: what it is called, and one round of it, which returns the seconds it took."""

    called: str
    seconds: Callable[[], float]


@dataclass(frozen=True)
class Duel:
    """Our way against another. The mark is a ratio to reach, or the most seconds ours may take."""

    what: str
    ours: Side
    other: Side
    shown: Callable[[float], str]
    at_least: float | None = None
    at_most_seconds: float | None = None
    note: Callable[[], str] = field(default=str)


@dataclass(frozen=True)
class Outcome:
    """The medians of both sides, in seconds."""

    duel: Duel
    ours: float
    other: float
    note: str

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.other / self.ours

    @property
    def mark(self) -> str:
        """What is asked, in words."""
        if self.duel.at_least is not None:
            return f">= {self.duel.at_least:g}x"
        return "" if self.duel.at_most_seconds is None else f"<= {self.duel.shown(self.duel.at_most_seconds)}"

    @property
    def is_reached(self) -> bool:
        """Whether every mark is."""
        fast = self.duel.at_least is None or self.ratio >= self.duel.at_least
        return fast and (self.duel.at_most_seconds is None or self.ours <= self.duel.at_most_seconds)


def fought(duel: Duel) -> Outcome:
    """Measure both sides in turns, so that a busy moment of the machine hits both."""
    rounds = [(duel.ours.seconds(), duel.other.seconds()) for _ in range(ROUNDS)]
    ours, other = (median(side) for side in zip(*rounds, strict=True))
    return Outcome(duel, ours, other, duel.note())


class Clock:
    """Measures the work, not its preparation: `with clock.running(): ...`, then `clock.seconds`."""

    seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time the block."""
        begun = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - begun


def in_seconds(seconds: float) -> str:
    """Show a duration."""
    return f"{seconds:.2f} s"


def in_milliseconds(seconds: float) -> str:
    """Show a short duration."""
    return f"{seconds * 1000:.1f} ms"


def a_second(seconds: float) -> str:
    """Show the time of one as how many fit into a second."""
    return f"{1 / seconds:,.0f}/s" if seconds < 0.1 else f"{1 / seconds:.1f}/s"
