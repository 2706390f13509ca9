"""Owns the usage annex: tiles, one bar per day, and the table that leads to the metered amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from billing_site.kit.charts import daily_bars
from invoices.canonical import AnnexGroup, Cell, UsageAnnex
from invoices.pdf.columns import Column, columns
from invoices.pdf.wording import Wording


@dataclass(frozen=True, slots=True)
class PrintedGroup:
    """A group of rows as printed."""

    heading: str
    key_label: str
    rows: list[list[str]]
    subtotal: list[str]


@dataclass(frozen=True, slots=True)
class PrintedUsage:
    """The context of `invoices/usage.html`."""

    title: str
    subtitle: str
    tiles: list[tuple[str, str]]
    notes: list[str]
    chart_title: str
    chart: SafeString
    columns: list[Column]
    rate_column: int
    groups: list[PrintedGroup]


def present_usage(annex: UsageAnnex, say: Wording) -> PrintedUsage:
    """Return an annex as printed, in the words of the document."""
    groups = [_group(group, say) for group in annex.groups]
    chart_title = say(annex.daily_title)
    span = say.span(annex.period.start, annex.period.end)
    when = (span, say.text(annex.subtitle), say("times_in", zone=annex.zone))
    return PrintedUsage(
        title=say.text(annex.title),
        subtitle=" · ".join(text for text in when if text),
        tiles=[(say(label), say.tile(value)) for label, value in annex.tiles],
        notes=[say.text(note) for note in annex.notes],
        chart_title=chart_title,
        chart=daily_bars(annex.daily, title=chart_title),
        columns=_columns([say(column) for column in annex.columns], groups),
        rate_column=annex.columns.index("rate") if "rate" in annex.columns else -1,
        groups=groups,
    )


def _group(group: AnnexGroup, say: Wording) -> PrintedGroup:
    subtotal = _cells(group.subtotal, say)
    if subtotal and group.subtotal[0] is None:
        subtotal[0] = say("subtotal" if group.heading else "in_all")
    return PrintedGroup(say.text(group.heading), group.key_label, [_cells(row, say) for row in group.rows], subtotal)


def _cells(row: Sequence[Cell], say: Wording) -> list[str]:
    return [say.cell(cell) for cell in row]


def _columns(heads: list[str], groups: list[PrintedGroup]) -> list[Column]:
    rows = [row for group in groups for row in (*group.rows, group.subtotal) if row]
    return columns(heads[0], [(head, [row[i] for row in rows]) for i, head in enumerate(heads[1:], start=1)])
