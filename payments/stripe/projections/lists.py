"""Owns the projection of what Stripe answered in several pages, kept as one list that names the question it answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, urlsplit

from payments.stripe.facts import (
    AnyFacts,
    BalanceTransactionFacts,
    InvoiceLinesFacts,
    OrderKey,
    PayoutContentsFacts,
)
from payments.stripe.projections.invoices import invoice_line
from payments.stripe.projections.seen import Seen, Shared
from payments.stripe.shapes import Shape

Project = Callable[[Shape, Seen], tuple[AnyFacts, ...]]

_INVOICE_LINES: Final = re.compile(r"/v1/invoices/(?P<invoice>[^/]+)/lines/?")


def listed(shape: Shape, seen: Seen, project: Project) -> tuple[AnyFacts, ...]:
    """Return the facts of a list that was read to its end; the rows of lists nobody owns tell only of themselves."""
    if shape.flag("has_more"):
        raise shape.wrong("has_more", "should be false: a list is kept once all its pages are read")
    asked = urlsplit(shape.text("url", ""))
    lines_of = _INVOICE_LINES.fullmatch(asked.path)
    if lines_of:
        return (_invoice_lines(shape, seen, lines_of["invoice"]),)
    told = tuple(facts for row in shape.children("data") for facts in project(row, seen))
    payouts = parse_qs(asked.query).get("payout")
    if asked.path == "/v1/balance_transactions" and payouts:
        return (_contents(told, seen, payouts[0]),)
    return told


def _invoice_lines(shape: Shape, seen: Seen, invoice_id: str) -> InvoiceLinesFacts:
    return InvoiceLinesFacts(
        **_shared(seen, f"{invoice_id}/lines"),
        invoice_id=invoice_id,
        lines=tuple(invoice_line(line, "") for line in shape.children("data")),
    )


def _contents(told: tuple[AnyFacts, ...], seen: Seen, payout_id: str) -> PayoutContentsFacts:
    return PayoutContentsFacts(
        **_shared(seen, f"{payout_id}/contents"),
        payout_id=payout_id,
        movements=tuple(one for one in told if isinstance(one, BalanceTransactionFacts)),
    )


def _shared(seen: Seen, stripe_id: str) -> Shared:
    """Return what all facts share, under a name of its own: a list is no version of the object that owns it."""
    return Shared(
        stripe_id=stripe_id,
        livemode=seen.livemode,
        api_version=seen.api_version,
        order=OrderKey(seen.at, 0),
        created_at=None,
        metadata={},
    )
