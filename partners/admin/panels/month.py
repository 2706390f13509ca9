"""Owns the running month on a partner's page: what it comes to so far, and where it is heading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from billing_site.kit.admin import Panel, badge, link_to, may_see, money_cell
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.panels import register
from billing_site.kit.admin.words import count_text
from partners.models import Contract, Partner
from partners.outlook import Figure, Outlook, outlooks, totals
from partners.services import Preview, UnknownTimeZone, Unpriceable

_UNITS = {"deed": "deeds", "request": "requests"}


@register(Partner)
def running_month(partner: Partner, request: HttpRequest) -> Iterator[Panel]:
    if not may_see(request, Contract):
        return
    try:
        found = outlooks(partner=partner, now=timezone.now())
    except UnknownTimeZone as error:
        yield Panel("This month so far", (), (), none=str(error), is_wide=True)
        return
    title = f"{found[0].month.start:%B %Y} so far" if found else "This month so far"
    yield Panel(
        title,
        ("Contract", "Counted so far", "Projected"),
        [_row(one) for one in found],
        amounts=("If it ended now", "Projected invoice"),
        none="No contract is in force this month.",
        note=_note(found),
        is_wide=True,
    )


def _row(one: Outlook) -> tuple[Any, ...]:
    failed = one.so_far if isinstance(one.so_far, Unpriceable) else one.at_end
    if isinstance(failed, Unpriceable):
        said = format_html("{} {}", badge("Cannot be rated", "danger"), failed.reason)
        return link_to(one.contract), said, EMPTY, EMPTY, EMPTY
    counts = (_counted(figure, one.meter) for figure in (one.so_far, one.at_end))
    return link_to(one.contract), *counts, _amount(one.so_far), _amount(one.at_end)


def _counted(figure: Figure | None, meter: str) -> str:
    if not isinstance(figure, Preview):
        return EMPTY
    return f"{count_text(figure.usage[meter])} {_UNITS[meter]}" if meter else "Flat fee"


def _amount(figure: Figure | None) -> Any:
    return money_cell(figure.total_cents, figure.contract.currency) if isinstance(figure, Preview) else EMPTY


def _note(found: Sequence[Outlook]) -> str:
    if not found:
        return ""
    sums = totals([one.at_end for one in found])
    together = f" Together: {' + '.join(money.format() for money in sums)}." if len(found) > 1 and sums else ""
    return f"{_how(found)} Tax and late usage of earlier months are included.{together}"


def _how(found: Sequence[Outlook]) -> str:
    """Say what the projection goes by; contracts of one month may have run for different days of it."""
    spans = sorted({(one.full_days, one.days) for one in found if one.full_days})
    if not spans:
        return "A projection needs one full day."
    told = " or ".join(f"{full} of {days} days" for full, days in spans)
    return (
        f"Projected by days: what was counted on the full days so far ({told}) goes on alike; today is not among them."
    )
