"""What a month must come to, worked out with plain Decimal from what was agreed: no line of the product is asked."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any

EXPONENTS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
ZERO, ONE = Decimal(0), Decimal(1)
Agreed = Mapping[str, Any]


def with_tax(agreed: Agreed, net: Decimal) -> int:
    """Return minor units; the tax is rounded once."""
    return int(net + _whole(net * agreed.get("tax_rate", ZERO)))


def net_by_hand(agreed: Agreed, month: dt.date, used: Mapping[str, Decimal]) -> Decimal:
    """Return minor units before tax: fee and usage less discount, raised to the minimum, cut at the maximum."""
    share = _Share(agreed, month)
    lines = [*_fee(agreed, share), *_usage(agreed, share, used)]
    net = sum((line - _whole(line * agreed.get("discount_rate", ZERO)) for line in lines), ZERO)
    net = max(net, share.of(agreed.get("minimum_cents", 0)))
    return min(net, share.of(agreed["maximum_cents"])) if "maximum_cents" in agreed else net


def _fee(agreed: Agreed, share: _Share) -> Iterator[Decimal]:
    if agreed["pricing_model"] in ("flat", "hybrid"):
        yield share.of(agreed["monthly_fee_cents"])


def _usage(agreed: Agreed, share: _Share, used: Mapping[str, Decimal]) -> Iterator[Decimal]:
    """Yield an amount for each price: one, or one for each tier that is touched."""
    if agreed["pricing_model"] == "flat":
        return
    is_by_request = agreed["pricing_model"] == "per_request"
    package = 1000 if is_by_request else 1
    step = package if agreed.get("rounding", "up") == "up" else 1
    meter, name = ("request", "1000_requests") if is_by_request else ("deed", "deed")
    beyond = max(used[meter] - share.of(agreed.get(f"included_{meter}s", 0)), ZERO)
    billed = (beyond / step).to_integral_value(ROUND_CEILING) * step if is_by_request else beyond
    for units, price in _priced(agreed, share, billed, step, agreed.get(f"price_per_{name}")):
        yield _whole((units * price / package).scaleb(EXPONENTS[agreed["currency"]]))


def _priced(
    agreed: Agreed, share: _Share, billed: Decimal, step: int, price: Decimal | None
) -> Iterator[tuple[Decimal, Decimal]]:
    if price is not None:
        yield billed, price
        return
    above = ZERO
    for tier in agreed["tiers"]:
        up_to = billed if tier["up_to"] is None else share.of(tier["up_to"], step)
        units, above_before = max(min(billed, up_to) - above, ZERO), above
        above = max(up_to, above)
        if agreed["tier_mode"] == "graduated":
            yield units, Decimal(tier["unit_price"])
        elif above_before < billed <= up_to:
            yield billed, Decimal(tier["unit_price"])


class _Share:
    """The days of a month on which a contract ran; two parts of a month add up to the whole."""

    def __init__(self, agreed: Agreed, month: dt.date) -> None:
        self.days = monthrange(month.year, month.month)[1]
        after = month + dt.timedelta(days=self.days)
        self.first = (max(agreed["start_date"], month) - month).days
        self.end = (min(agreed["end_date"], after) - month).days
        if agreed.get("proration") == "none":
            self.first, self.end = 0, self.days

    def of(self, whole: int, step: int = 1) -> Decimal:
        until, before = (_whole(Decimal(whole) * day / (self.days * step)) for day in (self.end, self.first))
        return (until - before) * step


def _whole(amount: Decimal) -> Decimal:
    return amount.quantize(ONE, ROUND_HALF_UP)
