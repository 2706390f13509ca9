"""Owns the measure of work done, whoever does it: CPU seconds of this process and of its PostgreSQL backend."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

_PROC = Path("/proc")


class CpuClock:
    """Measures the work, not its preparation: `with clock.running(): ...`, then `clock.seconds`."""

    seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add up what Python and the backend of our connection spend on the block.

        What the server does beside it (checkpoints, vacuum, other connections) is not the block's; workers of a
        parallel plan would be, and are gone before they can be counted, so there are none.
        """
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
            cursor.execute("SELECT pg_backend_pid()")
            backend = cursor.fetchone()[0]
        begun = time.process_time() + _spent(backend)
        yield
        self.seconds = time.process_time() + _spent(backend) - begun


def _spent(process: int) -> float:
    return int((_PROC / str(process) / "schedstat").read_text().split()[0]) / 1e9
