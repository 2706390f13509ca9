"""Owns the benchmark of documents: ours against WeasyPrint as it is first met, and two processes against one.

Two processes show what they can do only where two processors are free. What a process waited for one, ready to run, is
therefore left out; the clock on the wall stands beside it.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

from weasyprint import HTML

from bench.duels import Clock, Duel, Side, in_milliseconds, in_seconds
from invoices.canonical import CanonicalInvoice
from invoices.pdf import render, render_html
from invoices.pdf.typefaces import FOLDER
from tests.invoices.test_pdf import INVOICE, LINES, page_count

_STYLES = FOLDER.parent / "css"
_PAGES = 20
_BATCH = 24  # documents a round of two processes shares


@contextmanager
def duels() -> Iterator[list[Duel]]:
    """Draw the same invoices both ways."""
    long = replace(INVOICE, lines=LINES * 84)
    one, two = Workers(1), Workers(2)
    try:
        yield [
            _against_default(INVOICE, rounds=5, at_least=1.4),
            _against_default(long, rounds=1, at_least=1.7),
            Duel(
                f"Draw {_BATCH} invoices of one page",
                Side("two processes", two.seconds),
                Side("one process", one.seconds),
                in_seconds,
                at_least=1.6,
                note=lambda: f" ({one.wall_seconds / two.wall_seconds:.1f}x by the clock on the wall)",
            ),
        ]
    finally:
        one.stop()
        two.stop()


def _against_default(invoice: CanonicalInvoice, *, rounds: int, at_least: float) -> Duel:
    return Duel(
        f"Draw an invoice of {_pages(invoice)}",
        Side("shared faces, fixed tables", lambda: _seconds_each(partial(render, invoice), rounds)),
        Side("WeasyPrint as first met", lambda: _seconds_each(partial(_as_first_met, invoice), rounds)),
        in_milliseconds,
        at_least=at_least,
    )


@cache
def _pages(invoice: CanonicalInvoice) -> str:
    count = page_count(render(invoice))
    return f"{count} pages" if count > 1 else "one page"


def _seconds_each(draw: Callable[[], object], rounds: int) -> float:
    clock = Clock()
    with clock.running():
        for _ in range(rounds):
            draw()
    return clock.seconds / rounds


def _as_first_met(invoice: CanonicalInvoice) -> bytes:
    """Draw the same template with one call: style and faces read each time, tables measured by their content."""
    styles = (_STYLES / "latin.css").read_text() + (_STYLES / "document.css").read_text()
    styles = styles.replace("url(font:", f"url({FOLDER.as_uri()}/").replace("table-layout: fixed", "table-layout: auto")
    html = render_html(invoice).replace("</head>", f"<style>{styles}</style></head>")
    return bytes(HTML(string=html).write_pdf(pdf_variant="pdf/a-3b"))


class Workers:
    """Processes that have drawn once already, as Celery's have after their first minute; each draws an equal share."""

    def __init__(self, count: int) -> None:
        """Start them."""
        context = multiprocessing.get_context("spawn")
        self._count, self._walls = count, list[float]()
        self._pool = ProcessPoolExecutor(count, context, initializer=_warm, initargs=(context.Barrier(count),))
        self._share(1)

    def seconds(self) -> float:
        """Return what a batch takes where no other program wants the processors."""
        shares = self._share(_BATCH // self._count)
        self._walls.append(max(elapsed for elapsed, _ in shares))
        return max(elapsed - waited for elapsed, waited in shares)

    @property
    def wall_seconds(self) -> float:
        """The median of what the batches took beside everything else that ran."""
        return median(self._walls)

    def stop(self) -> None:
        """Let them go."""
        self._pool.shutdown()

    def _share(self, documents: int) -> list[tuple[float, float]]:
        return list(self._pool.map(_drawn, [documents] * self._count))


_begins_together: list[Barrier] = []  # filled in each process when it starts


def _warm(barrier: Barrier) -> None:
    import django

    django.setup()
    render(INVOICE)
    _begins_together.append(barrier)


def _drawn(documents: int) -> tuple[float, float]:
    """Return how long this process took from the common start, and how long of it other programs had its processor."""
    _begins_together[0].wait()
    clock, waited = Clock(), _waited_for_a_processor()
    with clock.running():
        for _ in range(documents):
            render(INVOICE)
    return clock.seconds, _waited_for_a_processor() - waited


def _waited_for_a_processor() -> float:
    """Return how long this process was ready and not running, in seconds; Linux counts it, others say nothing."""
    counted = Path("/proc/self/schedstat")
    return int(counted.read_text().split()[1]) / 1_000_000_000 if counted.exists() else 0.0
