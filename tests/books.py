"""Small books for tests: one seller, customers and drafts, with amounts one can add up in the head."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from invoices.models import Customer, Invoice, Seller
from invoices.services import NewLine, draft_invoice, issue_invoice

NOW = dt.datetime(2026, 11, 1, 8, 0, tzinfo=dt.UTC)
TODAY = NOW.date()


def a_seller(**fields: Any) -> Seller:
    given = {
        "name": "Parcelbase",
        "legal_name": "Parcelbase GmbH",
        "address": "Torstraße 140\n10119 Berlin",
        "country": "DE",
        "email": "billing@parcelbase.example",
        "iban": "DE89370400440532013000",
        "bic": "COBADEFFXXX",
    }
    return Seller.objects.create(**(given | fields))


def a_customer(**fields: Any) -> Customer:
    given = {
        "name": "Nordlicht Grundbuch AG",
        "address": "Am Sandtorkai 27\n20457 Hamburg",
        "country": "DE",
        "currency": "EUR",
    }
    return Customer.objects.create(**(given | fields))


def a_draft(
    *prices: str, currency: str = "EUR", seller: Seller | None = None, customer: Customer | None = None, **fields: Any
) -> Invoice:
    """Draft an invoice with one line for each price, in major units."""
    tax_rate = fields.pop("tax_rate", Decimal(0))
    lines = [
        NewLine(description=f"Item {n}", unit_price=Decimal(price), tax_rate=tax_rate)
        for n, price in enumerate(prices, start=1)
    ]
    return draft_invoice(
        customer=customer or a_customer(currency=currency),
        seller=seller or Seller.objects.first() or a_seller(),
        currency=currency,
        lines=lines,
        by="ada",
        **fields,
    )


def an_invoice(*prices: str, **fields: Any) -> Invoice:
    """Issue one as well."""
    return issue_invoice(invoice=a_draft(*(prices or ("100.00",)), **fields), on=TODAY, now=NOW, by="ada")
