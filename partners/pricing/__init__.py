"""What agreed terms make of a month's usage: rated lines that explain themselves, in five languages.

Pure: knows no framework, no table and no clock. `terms_as_json` and `terms_from_json` keep what a month was billed on.
"""

from __future__ import annotations

from partners.pricing.keeping import (
    UnreadableTerms,
    quantities_as_json,
    terms_as_json,
    terms_from_json,
    tiers_as_json,
    tiers_from_json,
)
from partners.pricing.proration import WHOLE_MONTH, Proration
from partners.pricing.rating import METERS, NegativeUsage, PricedBy, RatedLine, UnknownMeter, net_cents, rate
from partners.pricing.wording import Late, description_of, explanation_of, unit_label_of
from partners.terms import (
    ContractWithoutPrice,
    Flat,
    Hybrid,
    ImpossibleTerms,
    ImpossibleTiers,
    PerDeed,
    PerRequest,
    Terms,
    Tier,
    UnknownPricingModel,
    terms_for,
)

__all__ = [
    "METERS",
    "WHOLE_MONTH",
    "ContractWithoutPrice",
    "Flat",
    "Hybrid",
    "ImpossibleTerms",
    "ImpossibleTiers",
    "Late",
    "NegativeUsage",
    "PerDeed",
    "PerRequest",
    "PricedBy",
    "Proration",
    "RatedLine",
    "Terms",
    "Tier",
    "UnknownMeter",
    "UnknownPricingModel",
    "UnreadableTerms",
    "description_of",
    "explanation_of",
    "net_cents",
    "quantities_as_json",
    "rate",
    "terms_as_json",
    "terms_for",
    "terms_from_json",
    "tiers_as_json",
    "tiers_from_json",
    "unit_label_of",
]
