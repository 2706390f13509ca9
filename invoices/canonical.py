"""Owns the canonical invoice: everything a document prints, frozen, knowing neither tables nor pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, NamedTuple

from billing_site.kit.money import Money
from billing_site.kit.periods import Period

Kind = Literal["invoice", "credit_note"]
Language = Literal["en", "de", "fr", "es", "ja"]
_COUNTRY = 2


class Rate(NamedTuple):
    """A unit price in major units per so many units, as a cell of an annex."""

    unit_price: Decimal
    package_size: int = 1


class Word(NamedTuple):
    """A word of `invoices.pdf.labels`, printed in the language of the document, with what fills its places."""

    key: str
    parts: Mapping[str, Cell] = MappingProxyType({})


Text = str | Word  # plain text is printed as it stands
# What an annex may print; figures are written in the language.
Cell = str | int | Decimal | Money | Rate | Word | None


class TaxSum(NamedTuple):
    """One tax rate (a fraction: 0.19) of a document: what it was taken on, and how much it came to.

    `category` is the code of EN 16931; "" is the usual one of the rate.
    """

    rate: Decimal
    net_cents: int
    tax_cents: int
    category: str = ""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where a transfer goes; `details` are what it needs where there is no IBAN, such as a routing number."""

    holder: str
    iban: str = ""
    bic: str = ""
    bank_name: str = ""
    details: tuple[tuple[str, str], ...] = ()

    @property
    def has_iban(self) -> bool:
        """An IBAN starts with the letters of a country."""
        return len(self.iban) > _COUNTRY and self.iban[:_COUNTRY].isalpha()


@dataclass(frozen=True, slots=True)
class Party:
    """The seller or the buyer, as copied onto the document when it was issued; `country` is its ISO code."""

    name: str
    address_lines: tuple[str, ...] = ()
    email: str = ""
    tax_id: str = ""
    registration: str = ""
    bank: BankAccount | None = None
    logo_svg: str = ""
    brand: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class CanonicalLine:
    """One line: `unit_price` in major units per `package_size` units, `service_end` exclusive."""

    description: str
    quantity: Decimal
    unit_price: Decimal
    amount_cents: int
    detail: str = ""
    service_start: date | None = None
    service_end: date | None = None
    unit_label: str = ""
    package_size: int = 1
    tax_rate: Decimal = Decimal(0)
    discount_rate: Decimal = Decimal(0)
    discount_cents: int = 0


@dataclass(frozen=True, slots=True)
class AnnexGroup:
    """Rows that belong together (one API key), with their own subtotal row; without a heading they end the table."""

    heading: Text
    rows: tuple[tuple[Cell, ...], ...]
    subtotal: tuple[Cell, ...] = ()
    key_label: str = ""


@dataclass(frozen=True, slots=True)
class UsageAnnex:
    """Pages that explain a metered amount: tiles, one bar per day, notes, and a table in groups.

    A tile's label, a column and the chart's title are either words the documents know in every language
    (`invoices.pdf.labels`) or text printed as it stands. Each row has one cell per column.
    """

    title: Text
    period: Period
    tiles: tuple[tuple[str, Cell], ...] = ()
    daily: tuple[tuple[date, Decimal | int], ...] = ()
    groups: tuple[AnnexGroup, ...] = ()
    subtitle: Text = ""
    notes: tuple[Text, ...] = ()
    daily_title: str = "requests_per_day"
    columns: tuple[str, ...] = ("endpoint", "requests", "deeds", "rate", "amount")

    @property
    def zone(self) -> str:
        """The time zone its days are counted in."""
        return self.period.zone.key


Annex = UsageAnnex  # becomes a union when a floor brings another shape


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalInvoice:
    """An invoice or credit note as printed; amounts in minor units of `currency`, `period_end` exclusive.

    An empty `number` is a draft. A credit note carries positive amounts, the number it `corrects`, and where its total
    goes: off the amount due, to a credit, or back. `credited_cents` is what credit notes took off an invoice.
    `paid_at` is printed as the day it has in its own zone: pass it in the seller's.
    """

    kind: Kind = "invoice"
    number: str
    issue_date: date | None
    due_date: date | None = None
    currency: str
    language: Language = "en"
    seller: Party
    buyer: Party
    lines: tuple[CanonicalLine, ...]
    subtotal_cents: int
    total_cents: int
    amount_due_cents: int
    discount_cents: int = 0
    discount_label: str = ""
    taxes: tuple[TaxSum, ...] = ()
    tax_cents: int = 0
    tax_name: str = ""
    amount_paid_cents: int = 0
    credited_cents: int = 0
    reduces_due_cents: int = 0
    to_credit_cents: int = 0
    to_refund_cents: int = 0
    period_start: date | None = None
    period_end: date | None = None
    purchase_order: str = ""
    contract_reference: str = ""
    corrects: str = ""
    notes: str = ""
    terms: str = ""
    pay_url: str = ""
    paid_at: datetime | None = None
    is_copy: bool = False
    annexes: tuple[Annex, ...] = ()

    @property
    def is_draft(self) -> bool:
        """Nothing was asked for yet: it has no number."""
        return not self.number

    @property
    def is_paid(self) -> bool:
        """An issued invoice on which nothing is owed any more, because it was paid."""
        return self.kind == "invoice" and not self.is_draft and self.paid_at is not None and self.amount_due_cents <= 0

    @property
    def awaits_payment(self) -> bool:
        """An issued invoice on which money is still owed."""
        return self.kind == "invoice" and not self.is_draft and self.amount_due_cents > 0
