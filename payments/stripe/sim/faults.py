"""Bad days on purpose: latency, failures, cut connections, for all routes or some."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from threading import Lock

CUT = 0
"""The status that stands for a connection cut without an answer."""


@dataclass
class Weather:
    """What requests meet: seconds to wait, and the share of them that fails with a status."""

    latency: float = 0.0
    error_rate: float = 0.0
    status: int = 500


@dataclass(frozen=True)
class Failure:
    """A failure to come: before anything is done, or `after` it was done and only the answer is lost."""

    status: int
    after: bool = False


@dataclass
class Faults(Weather):
    """The weather everywhere, `routes` where a path begins otherwise, and failures that are next in line."""

    routes: dict[str, Weather] = field(default_factory=dict)
    seed: int = 0
    _queue: list[Failure] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - a repeatable dice, no secret

    def fail_next(self, count: int = 1, *, status: int = 500, after: bool = False) -> None:
        """Fail the next requests; `status=CUT` closes their connection, `after=True` does the work first."""
        with self._lock:
            self._queue += [Failure(status, after)] * count

    def clear(self) -> None:
        """Let the sun shine again."""
        with self._lock:
            self._queue.clear()
        self.latency, self.error_rate, self.routes = 0.0, 0.0, {}

    def weather(self, path: str) -> Weather:
        """Return what a path meets: of the routes it begins with, the longest."""
        fitting = [prefix for prefix in self.routes if path.startswith(prefix)]
        return self.routes[max(fitting, key=len)] if fitting else self

    def strike(self, path: str) -> Failure | None:
        """Return the failure this request meets, if any."""
        weather = self.weather(path)
        with self._lock:
            if self._queue:
                return self._queue.pop(0)
            return Failure(weather.status) if self._random.random() < weather.error_rate else None
