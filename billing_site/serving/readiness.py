"""How a child tells the supervisor that it is ready: a file whose place stands in its environment."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "READY_FOLDER"


def note(name: str) -> None:
    """Write that `name` is ready; does nothing when nobody asked."""
    if folder := os.environ.get(VARIABLE):
        ready_file(Path(folder), name).write_text(str(os.getpid()))


def forget(folder: Path, name: str) -> None:
    ready_file(folder, name).unlink(missing_ok=True)


def noted(folder: Path, name: str) -> bool:
    return ready_file(folder, name).exists()


def ready_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.ready"
