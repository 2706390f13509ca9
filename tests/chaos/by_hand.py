"""What a month must come to, worked out with plain Decimal from what was agreed: no line of the product is asked."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any

EXPONENTS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
ZERO, ONE = Decimal(0), Decimal(1)


def total_by_hand(agreed: Mapping[str, Any], month: dt.date, used: Mapping[str, Decimal]) -> int:
    """Return minor units, tax included: fee, usage, what is missing to the minimum, and the tax on their sum."""
    net = _net(agreed, month, used)
    return int(net + _whole(net * agreed.get("tax_rate", ZERO)))


def _net(agreed: Mapping[str, Any], month: dt.date, used: Mapping[str, Decimal]) -> Decimal:
    share = _Share(agreed, month)
    model = agreed["pricing_model"]
    fee = share.of(agreed.get("monthly_fee_cents", 0)) if model in ("flat", "hybrid") else ZERO
    if model == "flat":
        billed = fee
    elif model == "per_request":
        billed = fee + _requests(agreed, share, used["request"])
    else:
        billed = fee + _deeds(agreed, share, used["deed"])
    return max(billed, share.of(agreed.get("minimum_cents", 0)))


def _deeds(agreed: Mapping[str, Any], share: _Share, used: Decimal) -> Decimal:
    beyond = max(used - share.of(agreed.get("included_deeds", 0)), ZERO)
    return _minor(beyond * agreed["price_per_deed"], agreed["currency"])


def _requests(agreed: Mapping[str, Any], share: _Share, used: Decimal) -> Decimal:
    packages = max(used - share.of(agreed.get("included_requests", 0)), ZERO) / 1000
    if agreed.get("rounding", "up") == "up":
        packages = packages.to_integral_value(ROUND_CEILING)
    return _minor(packages * agreed["price_per_1000_requests"], agreed["currency"])


class _Share:
    """The days of a month on which a contract ran; two parts of a month add up to the whole."""

    def __init__(self, agreed: Mapping[str, Any], month: dt.date) -> None:
        self.days = monthrange(month.year, month.month)[1]
        after = month + dt.timedelta(days=self.days)
        self.first = (max(agreed["start_date"], month) - month).days
        self.end = (min(agreed.get("end_date") or after, after) - month).days

    def of(self, whole: int) -> Decimal:
        return _whole(Decimal(whole) * self.end / self.days) - _whole(Decimal(whole) * self.first / self.days)


def _minor(major: Decimal, currency: str) -> Decimal:
    return _whole(major.scaleb(EXPONENTS[currency]))


def _whole(amount: Decimal) -> Decimal:
    return amount.quantize(ONE, ROUND_HALF_UP)
