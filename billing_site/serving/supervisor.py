"""Services that should always run: started in order, started again when they end, stopped in reverse."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from billing_site.serving import progress
from billing_site.serving.children import Child

RESTARTS_ALLOWED, WITHIN_SECONDS = 3, 60


class FailedError(Exception):
    """Something ended that should run, or did not do its work; the message names its log."""


@dataclass
class Service:
    """A child that should always run, and how to start it again."""

    name: str
    start: Callable[[], Child]
    child: Child
    ended_at: list[float] = field(default_factory=list)


class Supervisor:
    """The servers of one folder. `services` is in the order of their start."""

    def __init__(self, *, var_dir: Path) -> None:
        self.var_dir = var_dir
        self.services: list[Service] = []

    def run(self, name: str, start: Callable[[], Child]) -> None:
        self.services.append(Service(name=name, start=start, child=start()))

    def wait_until(self, done: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Tend the services until `done`."""
        deadline = time.monotonic() + seconds
        while not done():
            self.tend()
            if time.monotonic() > deadline:
                raise FailedError(f"{what} was not ready after {seconds:.0f} s; see {self.var_dir / 'log'}.")
            time.sleep(0.1)

    def tend(self) -> None:
        """Start again what has ended; give up on what keeps ending."""
        for service in self.services:
            if not service.child.alive:
                self._start_again(service)

    def _start_again(self, service: Service) -> None:
        now = time.monotonic()
        service.ended_at = [*(t for t in service.ended_at if now - t < WITHIN_SECONDS), now]
        service.child.clear_away()
        if len(service.ended_at) > RESTARTS_ALLOWED:
            raise FailedError(
                f"{service.name} keeps ending; {service.child.log_file} says:\n{service.child.last_words()}"
            )
        progress.warn(f"{service.name} ended unexpectedly: started again")
        service.child = service.start()

    def stop(self) -> None:
        for service in reversed(self.services):
            service.child.stop()
        self.services.clear()
