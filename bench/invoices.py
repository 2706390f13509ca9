"""Owns the benchmark of issuing: numbers taken in one block against one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench import NOW
from bench.duels import Clock, Duel, Side, in_seconds
from invoices.services import issue_invoice, issue_invoices
from tests.books import a_draft, a_seller


@contextmanager
def duels() -> Iterator[list[Duel]]:
    """Issue the same drafts both ways."""
    ours = Side("one block", lambda: _issued(_together))
    yield [Duel("Issue 100 drafts", ours, Side("one by one", lambda: _issued(_one_by_one)), in_seconds)]


def _issued(issue: Callable[[list[Any]], None]) -> float:
    seller, clock = a_seller(), Clock()
    drafts = [a_draft("10.00", "20.00", seller=seller) for _ in range(100)]
    with clock.running():
        issue(drafts)
    return clock.seconds


def _together(drafts: list[Any]) -> None:
    issue_invoices(invoices=drafts, on=NOW.date(), now=NOW, by="bench")


def _one_by_one(drafts: list[Any]) -> None:
    for draft in drafts:
        issue_invoice(invoice=draft, on=NOW.date(), now=NOW, by="bench")
