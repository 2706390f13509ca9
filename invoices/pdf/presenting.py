"""Owns what stands where on the first pages: a canonical invoice becomes the texts its template prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import accumulate, pairwise
from typing import Any

from invoices.canonical import CanonicalInvoice, CanonicalLine, Party, TaxSum
from invoices.pdf.columns import Column, columns
from invoices.pdf.giro import giro_code
from invoices.pdf.labels import LABELS
from invoices.pdf.pictures import data_address
from invoices.pdf.usage import present_usage
from invoices.pdf.wording import Wording

KEPT_TOGETHER = 2  # lines that go with the totals to their page
_GAP = "\N{EM SPACE}"
_RUNNER_LENGTH = 48  # a running head is one line
_BY_RATE = {"", "S", "Z", "L", "M"}  # categories of EN 16931 that their rate explains
_EXPLAINED = {"AE", "G", "K"}  # categories whose reason is the same for every invoice
_SHORT_REMARKS, _LETTERS_PER_LINE = 300, 45


@dataclass(frozen=True, slots=True)
class Row:
    """A label and its value; `style` is a class of the style sheet."""

    label: str
    value: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class PrintedParty:
    """A party as an address block."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """One line of the invoice table, and what is said above it or below it where a page breaks there."""

    description: str
    details: tuple[str, ...]
    quantity: str
    price: str
    per: str
    tax: str
    amount: str
    brought: str
    carried: str


@dataclass(frozen=True, slots=True)
class Headline:
    """The one figure a reader looks for."""

    label: str
    figure: str
    currency: str
    remark: str


def present(invoice: CanonicalInvoice) -> dict[str, Any]:
    """Return the context of `invoices/invoice.html`."""
    say = Wording(invoice.language, invoice.currency)
    title, number = say(invoice.kind), invoice.number or say("draft")
    lines = _lines(invoice, say)
    return {
        "words": LABELS[invoice.language],
        "language": invoice.language,
        "title": title,
        "number": " · ".join([number, say("copy")]) if invoice.is_copy else number,
        "is_draft": invoice.is_draft,
        "issued_at": _midnight(invoice),
        "runner": {"seller": _short(invoice.seller.name), "document": _short(f"{title} {number}")},
        "page_words": _page_words(say),
        "parties": _parties(invoice, say),
        "seller_name": invoice.seller.name,
        "brand": invoice.seller.brand or invoice.seller.name,
        "logo": data_address(invoice.seller.logo_svg),
        "imprint": _imprint(invoice.seller, say),
        "headline": _headline(invoice, say),
        "pay_url": invoice.pay_url if invoice.awaits_payment and invoice.pay_url.startswith("https://") else "",
        "stamp": _stamp(invoice, say),
        "details": _details(invoice, say),
        "shows_tax": _shows_tax(invoice),
        "shows_price": _shows_price(invoice),
        "columns": _columns(invoice, lines, say),
        "lines": lines[:-KEPT_TOGETHER],
        "last_lines": lines[-KEPT_TOGETHER:],
        "totals": _totals(invoice, say),
        "giro_code": giro_code(invoice),
        "transfer": _transfer(invoice, say),
        "remarks": _remarks(invoice, say),
        "annexes": [present_usage(annex, say) for annex in invoice.annexes],
    }


def _midnight(invoice: CanonicalInvoice) -> str:
    """Date the file by the document and not by the clock, so that the same invoice gives the same bytes."""
    day = invoice.issue_date
    return datetime.combine(day, time.min, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if day else ""


def _short(text: str) -> str:
    return text if len(text) <= _RUNNER_LENGTH else text[: _RUNNER_LENGTH - 1] + "…"


def _page_words(say: Wording) -> tuple[str, str, str]:
    before, rest = say("page").split("{page}")
    between, after = rest.split("{pages}")
    return before, between, after


def _tax_id(party: Party, say: Wording) -> str:
    return say("tax_id", number=party.tax_id) if party.tax_id else ""


def _parties(invoice: CanonicalInvoice, say: Wording) -> list[tuple[str, PrintedParty]]:
    """Both address blocks; they name their countries where these differ."""
    is_abroad = invoice.seller.country != invoice.buyer.country
    both = ((say("from"), invoice.seller), (say("bill_to"), invoice.buyer))
    return [(heading, _party(party, say, names_country=is_abroad)) for heading, party in both]


def _party(party: Party, say: Wording, *, names_country: bool) -> PrintedParty:
    """Write an address block; a country that stands in the address is not named again."""
    known = say.names_of_country(party.country) if names_country else set()
    written = "\n".join(party.address_lines)
    is_written = any(re.search(rf"\b{re.escape(name)}\b", written, re.IGNORECASE) for name in known)
    country = say.country(party.country) if known and not is_written else ""
    lines = (*party.address_lines, country, party.email, _tax_id(party, say))
    return PrintedParty(party.name, tuple(line for line in lines if line.strip()))


def _imprint(seller: Party, say: Wording) -> str:
    parts = (seller.name, *seller.address_lines, _tax_id(seller, say), seller.registration)
    return " · ".join(part for part in parts if part.strip())


def _headline(invoice: CanonicalInvoice, say: Wording) -> Headline:
    label, cents, remark = "amount_due", invoice.amount_due_cents, ""
    if invoice.kind == "credit_note":
        label, cents = "amount_credited", invoice.total_cents
        remark = say("issued_on", day=say.long_day(invoice.issue_date)) if invoice.issue_date else ""
    elif invoice.is_paid and invoice.paid_at:
        label, cents, remark = (
            "amount_paid",
            invoice.amount_paid_cents,
            say("paid_on", day=say.long_day(invoice.paid_at)),
        )
    elif invoice.due_date:
        remark = say("due_by", day=say.long_day(invoice.due_date))
    figure = say.money(cents)
    return Headline(say(label), figure, "" if invoice.currency in figure else invoice.currency, remark)


def _details(invoice: CanonicalInvoice, say: Wording) -> list[Row]:
    span = say.span(invoice.period_start, invoice.period_end) if invoice.period_start and invoice.period_end else ""
    rows = (
        Row(say("issued"), say.day(invoice.issue_date) if invoice.issue_date else ""),
        Row(say("due"), say.day(invoice.due_date) if invoice.due_date else ""),
        Row(say("period"), span),
        Row(say("corrects"), invoice.corrects),
        Row(say("purchase_order"), invoice.purchase_order),
        Row(say("contract"), invoice.contract_reference),
    )
    return [row for row in rows if row.value.strip()]


def _stamp(invoice: CanonicalInvoice, say: Wording) -> Row | None:
    if invoice.is_draft:
        return Row("", say("draft"), "draft")
    return Row("", say("paid_stamp"), "paid") if invoice.is_paid else None


def _shows_tax(invoice: CanonicalInvoice) -> bool:
    return any(line.tax_rate for line in invoice.lines)


def _shows_price(invoice: CanonicalInvoice) -> bool:
    """A credit note takes amounts back: one of each, so quantity and price would say nothing."""
    return invoice.kind == "invoice" or any(line.quantity != 1 for line in invoice.lines)


def _columns(invoice: CanonicalInvoice, lines: list[PrintedLine], say: Wording) -> list[Column]:
    tax = [(_tax_name(invoice, say), [line.tax for line in lines])] if _shows_tax(invoice) else []
    price = [
        (say("quantity"), [line.quantity for line in lines]),
        (say("unit_price"), [text for line in lines for text in (line.price, line.per)]),
    ]
    amount = (say("amount"), [line.amount for line in lines])
    return columns(say("description"), [*(price if _shows_price(invoice) else ()), *tax, amount])


def _lines(invoice: CanonicalInvoice, say: Wording) -> list[PrintedLine]:
    sums = ["", *(say.money(cents) for cents in accumulate(line.amount_cents for line in invoice.lines))]
    return [
        _line(line, say, before=before, after=after)
        for line, (before, after) in zip(invoice.lines, pairwise(sums), strict=True)
    ]


def _line(line: CanonicalLine, say: Wording, *, before: str, after: str) -> PrintedLine:
    span = say.span(line.service_start, line.service_end) if line.service_start and line.service_end else ""
    return PrintedLine(
        description=line.description,
        details=tuple(text for text in (span, *line.detail.splitlines(), _off(line, say)) if text.strip()),
        quantity=f"{say.number(line.quantity)} {line.unit_label}".strip(),
        price=say.price(line.unit_price),
        per=say("per", size=say.number(line.package_size)) if line.package_size != 1 else "",
        tax=say.percent(line.tax_rate),
        amount=say.money(line.amount_cents),
        brought=f"{say('brought_forward')}{_GAP}{before}" if before else "",
        carried=f"{say('carried_forward')}{_GAP}{after}",
    )


def _off(line: CanonicalLine, say: Wording) -> str:
    """Say what was agreed to come off this line; its amount is taken off among the totals."""
    if line.discount_rate:
        return f"{say('discount')} {say.percent(line.discount_rate)}"
    return f"{say('discount')} {say.money(-line.discount_cents)}" if line.discount_cents else ""


def _tax_name(invoice: CanonicalInvoice, say: Wording) -> str:
    return invoice.tax_name or say("tax")


def _totals(invoice: CanonicalInvoice, say: Wording) -> list[Row]:
    is_credit = invoice.kind == "credit_note"
    return [
        *_before_tax(invoice, say),
        *_taxes(invoice, say),
        Row(say("total_credit" if is_credit else "total"), say.money(invoice.total_cents), "ruled grand"),
        *(_goes_to(invoice, say) if is_credit else _settled(invoice, say)),
    ]


def _before_tax(invoice: CanonicalInvoice, say: Wording) -> list[Row]:
    """A lone subtotal that equals the total says nothing, so it is left out."""
    if not invoice.discount_cents:
        return [Row(say("subtotal"), say.money(invoice.subtotal_cents))] if invoice.taxes else []
    rows = [
        Row(say("subtotal"), say.money(invoice.subtotal_cents)),
        Row(invoice.discount_label or say("discount"), say.money(-invoice.discount_cents)),
    ]
    net = Row(say("net_total"), say.money(invoice.subtotal_cents - invoice.discount_cents))
    return [*rows, net] if invoice.taxes else rows


def _taxes(invoice: CanonicalInvoice, say: Wording) -> list[Row]:
    name = _tax_name(invoice, say)
    return [
        Row(_tax_on(tax, name, say), say.money(tax.tax_cents), "" if i else "ruled")
        for i, tax in enumerate(invoice.taxes)
    ]


def _tax_on(tax: TaxSum, name: str, say: Wording) -> str:
    """Name a tax by its rate, or by the reason why there is none."""
    what = f"{name} {say.percent(tax.rate)}" if tax.category in _BY_RATE else say(f"tax_{tax.category}")
    return say("tax_on", tax=what, net=say.money(tax.net_cents))


def _settled(invoice: CanonicalInvoice, say: Wording) -> list[Row]:
    parts = (("already_paid", invoice.amount_paid_cents), ("already_credited", invoice.credited_cents))
    rows = [Row(say(word), say.money(-cents)) for word, cents in parts if cents]
    return [*rows, Row(say("amount_due"), say.money(invoice.amount_due_cents), "ruled grand")] if rows else []


def _goes_to(note: CanonicalInvoice, say: Wording) -> list[Row]:
    """Say what became of a credit: off the invoice, kept for the customer, or sent back."""
    parts = (
        ("reduces_due", note.reduces_due_cents),
        ("to_credit", note.to_credit_cents),
        ("to_refund", note.to_refund_cents),
    )
    return [Row(say(word, number=note.corrects), say.money(cents)) for word, cents in parts if cents]


def _remarks(invoice: CanonicalInvoice, say: Wording) -> dict[str, list[str]]:
    """Short notes and terms stand in the free space beside the totals, longer ones below."""
    texts = [text.strip() for text in (invoice.notes, *_why_untaxed(invoice, say), invoice.terms) if text.strip()]
    is_short = sum(len(text) + _LETTERS_PER_LINE * text.count("\n") for text in texts) <= _SHORT_REMARKS
    return {"beside": texts, "below": []} if is_short else {"beside": [], "below": texts}


def _why_untaxed(invoice: CanonicalInvoice, say: Wording) -> list[str]:
    """Write the sentences the law asks for; of an exemption and of what is out of scope, its own terms tell."""
    return [say(f"why_{tax.category}") for tax in invoice.taxes if tax.category in _EXPLAINED]


def _transfer(invoice: CanonicalInvoice, say: Wording) -> list[Row]:
    bank = invoice.seller.bank
    if bank is None or not invoice.awaits_payment:
        return []
    rows = (
        Row(say("beneficiary"), bank.holder or invoice.seller.name),
        Row(say("iban" if bank.has_iban else "account"), _in_fours(bank.iban) if bank.has_iban else bank.iban),
        Row(say("bic"), bank.bic),
        *(Row(label, value) for label, value in bank.details),
        Row(say("bank"), bank.bank_name),
        Row(say("reference"), invoice.number),
    )
    return [row for row in rows if row.value.strip()]


def _in_fours(iban: str) -> str:
    compact = iban.replace(" ", "")
    return " ".join(compact[i : i + 4] for i in range(0, len(compact), 4))
