"""The figures that finance reads in docs/contracts.md are those that a month comes to."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from billing_site.kit.money import Money
from partners.pricing import (
    WHOLE_MONTH,
    Flat,
    Hybrid,
    PerDeed,
    PerRequest,
    Proration,
    Tier,
    net_cents,
    rate,
)

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text()
TIERS = (Tier(500, Decimal("1.80")), Tier(1000, Decimal("1.60")), Tier(None, Decimal("1.45")))
FROM_THE_11TH = Proration(10, 21, 31)
EUR = {"currency": "EUR"}
DEED = EUR | {"unit_price": Decimal("1.80")}
FEE = EUR | {"monthly_fee_cents": 490_00, "unit_price": Decimal("1.40"), "included": Decimal(250)}
REQUEST = EUR | {"unit_price": Decimal("2.75"), "included": Decimal(50_000)}


@pytest.mark.parametrize(
    ("terms", "used", "days", "total"),
    [
        (Flat(**EUR, monthly_fee_cents=1250_00), 9_999, WHOLE_MONTH, "€1,250.00"),
        (PerDeed(**DEED, included=Decimal(50)), 640, WHOLE_MONTH, "€1,062.00"),
        (Hybrid(**FEE), 610, WHOLE_MONTH, "€994.00"),
        (PerRequest(**REQUEST), 265_400, WHOLE_MONTH, "€594.00"),
        (PerRequest(**REQUEST, rounding="exact"), 265_400, WHOLE_MONTH, "€592.35"),
        (PerDeed(**EUR, tiers=TIERS), 1_200, WHOLE_MONTH, "€1,990.00"),
        (PerDeed(**EUR, tiers=TIERS, tier_mode="volume"), 1_200, WHOLE_MONTH, "€1,740.00"),
        (PerDeed(**EUR, tiers=TIERS, tier_mode="volume"), 1_000, WHOLE_MONTH, "€1,600.00"),
        (PerDeed(**EUR, tiers=TIERS, tier_mode="volume"), 1_001, WHOLE_MONTH, "€1,451.45"),
        (Hybrid(**FEE, discount_rate=Decimal("0.05")), 610, WHOLE_MONTH, "€944.30"),
        (PerDeed(**DEED, discount_rate=Decimal("0.1"), minimum_cents=900_00), 400, WHOLE_MONTH, "€900.00"),
        (PerDeed(**DEED, discount_rate=Decimal("0.1"), maximum_cents=1200_00), 900, WHOLE_MONTH, "€1,200.00"),
        (Hybrid(**FEE, minimum_cents=800_00), 200, FROM_THE_11TH, "€541.94"),
        (PerDeed(**EUR, tiers=TIERS), 500, FROM_THE_11TH, "€867.80"),
    ],
)
def test_a_worked_example_comes_to_what_the_page_says(terms, used, days, total):
    lines = rate(terms, {"deed": Decimal(used), "request": Decimal(used)}, days)
    assert Money(net_cents(lines), "EUR").format() == total
    assert f"**{total}**" in PAGE
