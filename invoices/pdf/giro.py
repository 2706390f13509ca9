"""Owns the GiroCode (EPC069-12): the QR code a banking app reads to fill in a transfer in euros."""

from __future__ import annotations

import logging

import segno.helpers

from billing_site.kit.money import Money
from invoices.canonical import BankAccount, CanonicalInvoice

logger = logging.getLogger(__name__)

_MOST = Money(999_999_999_99, "EUR")
_LONGEST_NAME, _LONGEST_TEXT = 70, 140
_BIC_LENGTHS = (8, 11)


def giro_code(invoice: CanonicalInvoice) -> str:
    """Return the code as an SVG `data:` address, or "" where no transfer in euros can be prepared."""
    bank = invoice.seller.bank
    if bank is None or not bank.has_iban or not invoice.awaits_payment or invoice.currency != "EUR":
        return ""
    due = Money(invoice.amount_due_cents, invoice.currency)
    try:
        return _drawn(bank, invoice.seller.name, due, invoice.number) if due <= _MOST else ""
    except ValueError as too_long:  # the account still stands beside it in words
        logger.warning("No GiroCode on %s: %s", invoice.number, too_long)
        return ""


def _drawn(bank: BankAccount, seller_name: str, due: Money, reference: str) -> str:
    bic = bank.bic.replace(" ", "")
    code = segno.helpers.make_epc_qr(
        name=(bank.holder or seller_name)[:_LONGEST_NAME],
        iban=bank.iban.replace(" ", ""),
        amount=due.major,
        text=reference[:_LONGEST_TEXT],
        bic=bic if len(bic) in _BIC_LENGTHS else None,  # optional within the EEA
    )
    return str(code.svg_data_uri(border=0, dark="#16181d", omitsize=True, nl=False))
