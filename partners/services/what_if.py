"""What a billed month would have cost on other terms; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing_site.kit.money import Money
from partners.models import BilledPeriod, Contract
from partners.pricing import RatedLine, UnreadableTerms, net_cents, rate, terms_from_json
from partners.services.agreed import terms_of


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A billed month as it was rated, and as it would be on other terms, before tax."""

    billed_period: BilledPeriod
    before: tuple[RatedLine, ...]
    after: tuple[RatedLine, ...]

    @property
    def costs(self) -> tuple[Money, Money]:
        """What it came to, and what it would come to."""
        before, after = (Money(net_cents(lines), lines[0].currency) for lines in (self.before, self.after))
        return before, after


def last_month_on(contract: Contract) -> WhatIf | None:
    """Rate the last billed month of a contract, whichever version it was, on the terms of this one (saved or not).

    None where none was billed, or not in the currency of these terms.
    """
    months = BilledPeriod.objects.filter(contract__reference=contract.reference).select_related("contract")
    billed = months.order_by("period_start", "revision").last()
    if billed is None or billed.contract.currency != contract.currency:
        return None
    try:
        terms, proration = terms_from_json(billed.terms)
    except UnreadableTerms:
        return None
    usage = {meter: Decimal(quantity) for meter, quantity in billed.usage.items()}
    return WhatIf(billed, rate(terms, usage, proration), rate(terms_of(contract), usage, proration))
