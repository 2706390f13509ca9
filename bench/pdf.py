"""Owns the benchmark of documents: ours against WeasyPrint as it is first met, and two processes against one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial

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
    with _workers(1) as one, _workers(2) as two:
        yield [
            _against_default(INVOICE, rounds=5, at_least=1.4),
            _against_default(long, rounds=1, at_least=1.7),
            Duel(
                f"Draw {_BATCH} invoices of one page",
                Side("two processes", lambda: _drawn_by(two)),
                Side("one process", lambda: _drawn_by(one)),
                in_seconds,
                at_least=1.6,
            ),
        ]


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


@contextmanager
def _workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes that have drawn once already, as Celery's have after their first minute."""
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_warm) as workers:
        list(workers.map(_size, [INVOICE] * count * 2))
        yield workers


def _warm() -> None:
    import django

    django.setup()
    render(INVOICE)


def _drawn_by(workers: ProcessPoolExecutor) -> float:
    clock = Clock()
    with clock.running():
        list(workers.map(_size, [INVOICE] * _BATCH))
    return clock.seconds


def _size(invoice: CanonicalInvoice) -> int:
    return len(render(invoice))
