"""Reads what a contract agrees on: its terms, the days they count for, the meter it rates."""

from __future__ import annotations

from decimal import Decimal

from billing_site.kit.errors import Refused
from billing_site.kit.periods import Period
from partners.enums import METER_OF, PricingModel
from partners.enums import Proration as Prorated
from partners.models import Contract
from partners.pricing import WHOLE_MONTH, Proration, Terms, terms_for, tiers_from_json


class DaysDiffer(Refused):
    """A contract that rates usage bills in the time zone in which its partner's days are counted."""


def terms_of(contract: Contract) -> Terms:
    """Read what a contract agrees on. Raises ContractWithoutPrice, ImpossibleTerms."""
    by_request = contract.pricing_model == PricingModel.PER_REQUEST
    return terms_for(
        pricing_model=contract.pricing_model,
        currency=contract.currency,
        monthly_fee_cents=contract.monthly_fee_cents,
        unit_price=contract.price_per_1000_requests if by_request else contract.price_per_deed,
        tiers=tiers_from_json(contract.tiers),
        tier_mode="volume" if contract.tier_mode == "volume" else "graduated",
        included=Decimal(contract.included_requests if by_request else contract.included_deeds),
        discount_rate=contract.discount_rate,
        minimum_cents=contract.minimum_cents,
        maximum_cents=contract.maximum_cents,
        rounding="exact" if contract.rounding == "exact" else "up",
    )


def proration_of(contract: Contract, month: Period) -> Proration:
    """Say for which days of a month the contract's fee and bounds count; all of them where it is not prorated."""
    if contract.proration == Prorated.NONE:
        return WHOLE_MONTH
    return Proration.of(month, contract.start_date, contract.end_date)


def refuse_other_days(contract: Contract) -> None:
    partner = contract.partner
    if contract.pricing_model in METER_OF and partner.billing_time_zone != contract.billing_time_zone:
        raise DaysDiffer(
            f"{partner}'s usage is counted in days of {partner.billing_time_zone}, but {contract} bills in "
            f"{contract.billing_time_zone}: give both the same time zone."
        )
