"""Owns how a rated line reads in a language: what it bills, why it comes to its amount, and in what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from partners.pricing.words import WORDS

if TYPE_CHECKING:
    from datetime import date

    from babel.core import Locale

    from partners.pricing.rating import PricedBy, RatedLine


class Speech(Protocol):
    """A language and a currency: writes numbers and amounts as that language does (`invoices.pdf.wording`)."""

    @property
    def language(self) -> str: ...
    @property
    def locale(self) -> Locale: ...
    def money(self, cents: int) -> str: ...
    def price(self, unit_price: Decimal) -> str: ...
    def number(self, value: Decimal | int) -> str: ...
    def month(self, day: date) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """What changed in a billed month: so many units more (or less), and what the month comes to before tax."""

    month: date
    meter: str
    change: Decimal
    before_cents: int
    now_cents: int

    def description(self, say: Speech) -> str:
        """Name the month it belongs to: `Late usage of October 2026`."""
        return _word(say, "late" if self.now_cents > self.before_cents else "taken_back", month=say.month(self.month))

    def explanation(self, say: Speech) -> str:
        """Say how it came about: `4 deeds counted after billing; the month comes to $33.60, billed were $24.00`."""
        now, before = say.money(self.now_cents), say.money(self.before_cents)
        if not self.change:  # nothing new was counted: the paper that asked for it was undone
            return _word(say, "asked_again", now=now, before=before)
        change = _number_of(say, self.meter, self.change)
        return _word(say, "late_of", change=change, now=now, before=before)


def description_of(line: RatedLine, say: Speech) -> str:
    """Name what is billed: `Deed retrievals`."""
    return _word(say, line.meter or line.kind)


def unit_label_of(line: RatedLine, say: Speech) -> str:
    """Name what the quantity counts: `deeds`."""
    if line.meter:
        return _counted(say, line.meter, line.quantity)
    return _word(say, "month") if line.kind == "fee" else ""


def explanation_of(line: RatedLine, say: Speech) -> str:
    """Say why it comes to its amount: `1,234 deeds, 100 included, 1,134 at $0.40`."""
    if line.meter:
        return _word(say, "comma").join([*_usage(line, say), _priced(line, say)])
    if line.kind == "fee":
        days = [_days(line, say)] if line.proration.is_partial else []
        return _word(say, "comma").join([_word(say, "fee_of", agreed=say.money(line.agreed_cents)), *days])
    agreed = _for_days(say.money(line.agreed_cents), line, say)
    return _word(say, f"{line.kind}_of", agreed=agreed, reached=say.money(line.reached_cents))


def _usage(line: RatedLine, say: Speech) -> list[str]:
    """Say what was counted and what is free of it; a line of a further tier need not say it again."""
    if _is_further_tier(line) or _is_all_billed(line):
        return []
    said = [_number_of(say, line.meter or "", line.counted)]
    if line.included:
        said.append(_for_days(_word(say, "included", number=say.number(line.included)), line, say))
    return said


def _priced(line: RatedLine, say: Speech) -> str:
    price = say.price(line.unit_price)
    if line.packages is not None:
        billed = _number_of(say, "package", Decimal(line.packages), size=say.number(line.package_size))
    else:
        price = price if line.package_size == 1 else _word(say, "per", price=price, size=say.number(line.package_size))
        billed = _number_of(say, line.meter or "", line.quantity) if _is_all_billed(line) else say.number(line.quantity)
    priced = _word(say, "at", number=billed, price=price)
    return _word(say, "in_tier", tier=_tier(line.tier, say), priced=priced) if line.tier else priced


def _tier(tier: PricedBy, say: Speech) -> str:
    first = say.number(tier.above + 1)
    if tier.up_to is None:
        said = _word(say, "tier_open", first=first)
    else:
        said = _word(say, "tier", first=first, last=say.number(tier.up_to))
    return _word(say, "all_units", tier=said) if tier.all_units else said


def _is_further_tier(line: RatedLine) -> bool:
    return line.tier is not None and not line.tier.all_units and line.tier.above > 0


def _is_all_billed(line: RatedLine) -> bool:
    """Counted is what is billed: to say the number twice would explain nothing."""
    return line.tier is None and line.packages is None and line.counted == line.quantity and not line.included


def _for_days(said: str, line: RatedLine, say: Speech) -> str:
    return _word(say, "for_days", said=said, days=_days(line, say)) if line.proration.is_partial else said


def _days(line: RatedLine, say: Speech) -> str:
    ran = line.proration
    return _word(say, "days", days=say.number(ran.days), of_days=say.number(ran.of_days))


def _number_of(say: Speech, unit: str, number: Decimal, **parts: str) -> str:
    return f"{say.number(number)} {_counted(say, unit, number, **parts)}"


def _counted(say: Speech, unit: str, number: Decimal, **parts: str) -> str:
    """Return the unit in the number that a language has for a quantity: 1 deed, 0 deeds; 1 acte, 0 acte."""
    whole = int(number) if number == int(number) else number  # 1.000 would be plural to CLDR
    form = "one" if say.locale.plural_form(whole) == "one" else "other"
    return _word(say, f"{unit}_{form}", **parts)


def _word(say: Speech, word: str, **parts: str) -> str:
    return WORDS[say.language][word].format(**parts)
