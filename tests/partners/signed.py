"""Terms as anybody may have signed them, and months as anybody may have used them: strategies for the laws."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate

from hypothesis import strategies as st

from partners.pricing import Flat, Hybrid, PerDeed, PerRequest, Proration, Tier

currencies = st.sampled_from(["USD", "EUR", "JPY", "KWD"])
fees = st.integers(0, 10**8)
prices = st.decimals(0, 1000, places=12)
quantities = st.decimals(0, 10**9, places=3)
rates = st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("0.333333"), Decimal(1)]) | st.decimals(0, 1, places=6)
usages = st.fixed_dictionaries({}, optional={"deed": quantities, "request": quantities})
broken_months = st.tuples(st.integers(0, 30), st.integers(0, 31)).map(
    lambda d: Proration(d[0], min(d[1], 31 - d[0]), 31)
)


@st.composite
def tiers(draw: st.DrawFn, step: int = 1) -> tuple[Tier, ...]:
    """One to five tiers whose bounds are multiples of a step; prices may fall and rise."""
    widths = draw(st.lists(st.integers(1, 10**5), max_size=4))
    bounds: list[int | None] = [width * step for width in accumulate(widths)]
    return tuple(Tier(up_to, draw(prices)) for up_to in [*bounds, None])


@st.composite
def agreed(draw: st.DrawFn) -> dict[str, object]:
    """What every model has."""
    minimum = draw(st.just(0) | fees)
    maximum = draw(st.none() | st.integers(max(minimum, 1), 10**9))
    return {
        "currency": draw(currencies),
        "discount_rate": draw(rates),
        "minimum_cents": minimum,
        "maximum_cents": maximum,
    }


@st.composite
def priced(draw: st.DrawFn, step: int = 1) -> dict[str, object]:
    """One price or tiers of them, and what is included."""
    price = st.fixed_dictionaries({"unit_price": prices})
    stepped = st.fixed_dictionaries(
        {"tiers": tiers(step), "tier_mode": st.sampled_from(["graduated", "volume"])},
    )
    return draw(price | stepped) | {"included": Decimal(draw(st.integers(0, 10**5)))}


@st.composite
def all_terms_(draw: st.DrawFn) -> Flat | PerDeed | Hybrid | PerRequest:
    model = draw(st.sampled_from([Flat, PerDeed, Hybrid, PerRequest]))
    given = draw(agreed())
    if model in (Flat, Hybrid):
        given["monthly_fee_cents"] = draw(fees)
    if model is PerRequest:
        given["rounding"] = draw(st.sampled_from(["up", "exact"]))
    if model is not Flat:
        given |= draw(priced(1000 if given.get("rounding") == "up" else 1))
    return model(**given)


all_terms = all_terms_()
