"""Owns what a mail with an invoice or a credit note says, in the language of the customer.

Names come from outside: they lose what could break a header or turn the text around; right-to-left ones are set apart.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass
from typing import Literal

from invoices.letter_words import PHRASES
from invoices.pdf.wording import Wording

LONGEST_NAME = 70  # letters of a name in a header
_ISOLATE, _POP = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_TURNS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_IBAN_GROUP = 4

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who the mail is from: the seller as copied onto the paper."""

    name: str
    legal_name: str
    imprint: tuple[str, ...] = ()
    iban: str = ""
    bic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What is sent: amounts in minor units of `currency`, `period_end` exclusive; `open_cents` is still to be paid."""

    kind: Literal["invoice", "credit_note"]
    number: str
    language: str
    currency: str
    total_cents: int
    open_cents: int
    issue_date: dt.date
    sender: Sender
    customer: str
    due_date: dt.date | None = None
    period_start: dt.date | None = None
    period_end: dt.date | None = None
    purchase_order: str = ""
    corrects: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The words of one mail, ready to be set as text or as HTML."""

    language: str
    subject: str
    greeting: tuple[str, ...]
    paragraphs: tuple[str, ...]
    title: str
    amount: str
    amount_label: str
    facts: Facts
    transfer_title: str
    transfer: Facts
    closing: str
    regards: str
    sender: str
    imprint: tuple[str, ...]

    @property
    def text(self) -> str:
        """The plain part of the mail."""
        blocks = [
            *self.greeting,
            *self.paragraphs,
            _listed(self.facts),
            *([f"{self.transfer_title}\n{_listed(self.transfer)}"] if self.transfer else []),
            self.closing,
            f"{self.regards}\n{self.sender}",
            "-- \n" + "\n".join(self.imprint),
        ]
        return "\n\n".join(blocks) + "\n"


def letter_for(occasion: Occasion) -> Letter:
    """Write the mail that goes with a paper."""
    words, phrases = Wording(occasion.language, occasion.currency), PHRASES[occasion.language]
    sender, customer = one_line(occasion.sender.name), apart(one_line(occasion.customer, most=200))
    awaits_payment = occasion.kind == "invoice" and occasion.open_cents > 0
    return Letter(
        language=occasion.language,
        subject=phrases["subject"].format(paper=words(occasion.kind), number=occasion.number, sender=apart(sender)),
        greeting=tuple(line.format(customer=customer) for line in phrases["greeting"].split("\n")),
        paragraphs=_paragraphs(occasion, words),
        title=f"{words(occasion.kind)} {occasion.number}",
        amount=words.money(occasion.open_cents if awaits_payment else occasion.total_cents),
        amount_label=words("amount_due" if awaits_payment else _TOTALS[occasion.kind]),
        facts=_facts(occasion, words, customer),
        transfer_title=words("pay_by_transfer"),
        transfer=_transfer(occasion, words) if awaits_payment else (),
        closing=phrases["closing"],
        regards=phrases["regards"],
        sender=apart(one_line(occasion.sender.legal_name)),
        imprint=tuple(apart(one_line(line, most=200)) for line in occasion.sender.imprint),
    )


def one_line(text: str, *, most: int = LONGEST_NAME) -> str:
    """Write a name so that a header can bear it: no line break, no control, no turn of direction, not too long."""
    calm = "".join(" " if unicodedata.category(letter) in {"Cc", "Zl", "Zp"} else letter for letter in text)
    words = " ".join("".join(letter for letter in calm if letter not in _TURNS).split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def apart(text: str) -> str:
    """Set text that runs from right to left apart, so that it does not drag its neighbours along."""
    runs_left = any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in text)
    return f"{_ISOLATE}{text}{_POP}" if runs_left else text


_TOTALS = {"invoice": "total", "credit_note": "total_credit"}


def _paragraphs(occasion: Occasion, words: Wording) -> tuple[str, ...]:
    phrases = PHRASES[occasion.language]
    parts = {
        "number": occasion.number,
        "issued": words.long_day(occasion.issue_date),
        "corrects": occasion.corrects,
        "amount": words.money(occasion.total_cents if occasion.kind == "credit_note" else occasion.open_cents),
        "due": words.long_day(occasion.due_date) if occasion.due_date else "",
    }
    return tuple(phrases[name].format(**parts) for name in (f"{occasion.kind}_lead", _what_to_do(occasion)))


def _what_to_do(occasion: Occasion) -> str:
    if occasion.kind == "credit_note":
        return "credited"
    if occasion.open_cents <= 0:
        return "settled"
    return "pay" if occasion.open_cents == occasion.total_cents else "pay_rest"


def _facts(occasion: Occasion, words: Wording, customer: str) -> Facts:
    period = ""
    if occasion.period_start and occasion.period_end:
        period = words.span(occasion.period_start, occasion.period_end)
    found = (
        (words("bill_to"), customer),
        (words("corrects"), occasion.corrects),
        (words("issued"), words.day(occasion.issue_date)),
        (words("due"), words.day(occasion.due_date) if occasion.due_date else ""),
        (words("period"), period),
        (words("purchase_order"), apart(one_line(occasion.purchase_order))),
        (words(_TOTALS[occasion.kind]), words.money(occasion.total_cents)),
    )
    return tuple((label, value) for label, value in found if value)


def _transfer(occasion: Occasion, words: Wording) -> Facts:
    iban = occasion.sender.iban.replace(" ", "")
    if not iban:
        return ()
    grouped = " ".join(iban[n : n + _IBAN_GROUP] for n in range(0, len(iban), _IBAN_GROUP))
    found = (
        (words("beneficiary"), apart(one_line(occasion.sender.legal_name))),
        (words("iban"), grouped),
        (words("bic"), occasion.sender.bic),
        (words("reference"), occasion.number),
    )
    return tuple((label, value) for label, value in found if value)


def _listed(facts: Facts) -> str:
    return "\n".join(f"{label}: {value}" for label, value in facts)
