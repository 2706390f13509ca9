"""How processes tell each other that they are ready: by a file whose folder stands in their environment."""

from __future__ import annotations

import os
import time
from pathlib import Path

VARIABLE = "READY_FOLDER"


def note(name: str) -> None:
    """Write that `name` is ready; does nothing when nobody asked."""
    if folder := os.environ.get(VARIABLE):
        ready_file(Path(folder), name).write_text(str(os.getpid()))


def wait_for(name: str) -> None:
    """Sleep until `name` is ready; returns at once when nobody asked."""
    folder = os.environ.get(VARIABLE)
    while folder and not noted(Path(folder), name):
        time.sleep(0.1)


def forget(folder: Path, name: str) -> None:
    ready_file(folder, name).unlink(missing_ok=True)


def noted(folder: Path, name: str) -> bool:
    return ready_file(folder, name).exists()


def ready_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.ready"
