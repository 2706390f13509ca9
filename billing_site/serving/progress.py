"""What a person sees while the site starts: one line for each thing done, with its seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say that `what` is under way, then how long it took; without a terminal both are plain lines."""
    begun = time.monotonic()
    if console.is_terminal:
        with console.status(f"{what} ..."):
            yield
    else:
        console.print(f"  .. {what}")
        yield
    console.print(f"  [green]ok[/] {what} [dim]{time.monotonic() - begun:.1f} s[/]")


def say(sentence: str) -> None:
    console.print(sentence)


def warn(sentence: str) -> None:
    console.print(f"  [yellow]!![/] {sentence}")
