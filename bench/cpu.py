"""Owns the measure of work done, whoever does it: CPU seconds of this process and of PostgreSQL's."""

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
        """Add up what Python and every process of the server spend on the block."""
        server = _server()
        begun = time.process_time() + _spent(server)
        yield
        self.seconds = time.process_time() + _spent(server) - begun


def _server() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return _parent(cursor.fetchone()[0])


def _spent(server: int) -> float:
    """Return the seconds of all processes of the server that are alive."""
    found = 0
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            try:
                if _parent(int(folder.name)) == server:
                    found += int((folder / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                continue
    return found / 1e9


def _parent(process: int) -> int:
    return int((_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[1])
