"""What a month asks for, tax included: worked out as its invoice will be, and within what the books hold."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from invoices.services import refuse_beyond_the_books
from invoices.totals import InvoiceTotals, LineDraft, total_invoice
from partners.models import Contract
from partners.pricing import RatedLine
from partners.services.late.corrections import PlannedCorrection

ROUNDING: Final = "document"


def totals_with_tax(
    contract: Contract, lines: Sequence[RatedLine], corrections: Sequence[PlannedCorrection] = ()
) -> InvoiceTotals:
    """Return what a month and its late usage come to, line by line as on its invoice. Raises CannotBeAsked."""
    drafts = [LineDraft(**what_is_asked(contract, line)) for line in lines]
    drafts += [
        LineDraft(Decimal(1), one.price, tax_rate=contract.tax_rate, tax_category=contract.tax_category)
        for one in corrections
        if one.asks  # its contract is taxed as this one is, or another would carry it
    ]
    totals = total_invoice(drafts, currency=contract.currency, rounding=ROUNDING)
    refuse_beyond_the_books(drafts, totals)
    return totals


def what_is_asked(contract: Contract, line: RatedLine) -> dict[str, Any]:
    """Return what a line says of quantity, price and tax: a preview adds it up, and the paper has it."""
    return {
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "package_size": line.package_size,
        "discount_rate": line.discount_rate,
        "tax_rate": contract.tax_rate,
        "tax_category": contract.tax_category,
    }
