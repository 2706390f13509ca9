"""What a month was billed on is kept whole, and read back years later."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.pricing import (
    WHOLE_MONTH,
    Flat,
    Hybrid,
    PerDeed,
    PerRequest,
    Proration,
    UnreadableTerms,
    rate,
    terms_as_json,
    terms_from_json,
)
from tests.partners.signed import all_terms, broken_months, usages


@given(all_terms, broken_months | st.just(WHOLE_MONTH), usages)
def test_kept_terms_are_read_back_and_rate_the_same(terms, proration, usage):
    kept = json.loads(json.dumps(terms_as_json(terms, proration)))
    assert terms_from_json(kept) == (terms, proration)
    assert rate(*_with(usage, *terms_from_json(kept))) == rate(terms, usage, proration)


def _with(usage, terms, proration):
    return terms, usage, proration


@pytest.mark.parametrize(
    ("kept", "terms", "proration"),
    [
        (
            {"pricing_model": "flat", "monthly_fee_cents": 500_00, "served": "2026-10-01/2026-11-01"},
            Flat(currency="USD", monthly_fee_cents=500_00),
            Proration(0, 31, 31),
        ),
        (
            {"pricing_model": "per_deed", "unit_price": "2.4", "included": "0", "served": "2026-10-12/2026-11-01"},
            PerDeed(currency="USD", unit_price=Decimal("2.4")),
            Proration(11, 20, 31),
        ),
        (
            {
                "pricing_model": "hybrid",
                "monthly_fee_cents": 1,
                "unit_price": "0.4",
                "included": "100",
                "served": "2026-02-01/2026-02-15",
            },
            Hybrid(currency="USD", monthly_fee_cents=1, unit_price=Decimal("0.4"), included=Decimal(100)),
            Proration(0, 14, 28),
        ),
        (
            {
                "pricing_model": "per_request",
                "unit_price": "1.85",
                "included": "0",
                "package_size": 1000,
                "rounding": "exact",
                "served": "2026-10-01/2026-11-01",
            },
            PerRequest(currency="USD", unit_price=Decimal("1.85"), rounding="exact"),
            Proration(0, 31, 31),
        ),
    ],
    ids=["flat", "per_deed", "hybrid", "per_request"],
)
def test_months_billed_before_tiers_and_discounts_are_still_read(kept, terms, proration):
    kept |= {"currency": "USD", "minimum_cents": 0, "tax_rate": "0.19"}
    assert terms_from_json(kept) == (terms, proration)


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"pricing_model": "by_mood"},
        {"pricing_model": "flat", "currency": "USD", "served": "2026-10-01/2026-11-01"},
        {"pricing_model": "flat", "currency": "USD", "monthly_fee_cents": 1},
        {"pricing_model": "per_deed", "currency": "USD", "unit_price": "cheap", "served": "2026-10-01/2026-11-01"},
    ],
    ids=str,
)
def test_terms_that_do_not_say_what_was_agreed_are_refused(kept):
    with pytest.raises(UnreadableTerms, match="The terms kept of this month cannot be read"):
        terms_from_json(kept)
