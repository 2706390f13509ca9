"""Owns how numbers, prices and days read in the language of a document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from functools import cache

from babel.core import Locale
from babel.dates import format_date, format_interval, format_skeleton
from babel.numbers import NumberPattern, parse_pattern

from billing_site.kit.currencies import exponent
from billing_site.kit.money import ANY_SIZE, Money
from invoices.canonical import Cell, Rate, Text, Word
from invoices.pdf.labels import label

FINEST = 12  # digits a rate may have
# English documents go to many countries: the day before the month, and a 24-hour reader is never misled.
_LOCALES = {"en": "en_GB", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "ja": "ja_JP"}
_PRINTED = str.maketrans({"-": "\u2212", "\uffe5": "¥"})  # a true minus; the yen sign our figures are drawn with


@dataclass(frozen=True, slots=True)
class Wording:
    """A language and a currency; every method returns the text as printed."""

    language: str
    currency: str

    def __call__(self, word: str, **parts: str) -> str:
        """Return a word of the table, its placeholders filled in."""
        text = label(self.language, word)
        return text.format(**parts) if parts else text

    @property
    def locale(self) -> Locale:
        """The locale whose customs of writing numbers and days are followed."""
        return _locale(self.language)

    def money(self, cents: int) -> str:
        """Write an amount with its currency: `€5,392.90`."""
        # The plain language and not en_GB: there the dollar would read "US$".
        return Money(cents, self.currency).format(self.language).translate(_PRINTED)

    def price(self, unit_price: Decimal) -> str:
        """Write a unit price in full, however fine it is: `€0.0196`."""
        digits = exponent(self.currency)
        frame = _frame(self.language, self.currency)
        text = frame.replace(self.number(0, least=digits), self.number(unit_price.copy_abs(), least=digits))
        return ("-" * (unit_price < 0) + text).translate(_PRINTED)

    def number(self, value: Decimal | int, *, least: int = 0) -> str:
        """Write a number exactly, with at least so many decimals: `1,284,913`."""
        return self._written(self.locale.decimal_formats[None].pattern, Decimal(value), least)

    def percent(self, rate: Decimal) -> str:
        """Write a fraction as a percentage: 0.19 is `19%`."""
        return self._written(self.locale.percent_formats[None].pattern, rate, 0)

    def day(self, day: date) -> str:
        """Write a day: `1 Nov 2026`."""
        return str(format_skeleton("yMMMd", day, locale=self.locale))

    def long_day(self, day: date) -> str:
        """Write a day in full: `1 November 2026`."""
        return str(format_date(day, "long", locale=self.locale))

    def month(self, day: date) -> str:
        """Write the month of a day: `November 2026`."""
        return str(format_skeleton("yMMMM", day, locale=self.locale))

    def span(self, start: date, end: date) -> str:
        """Write a half-open span of days by its first and last: `1-31 Oct 2026`."""
        return str(format_interval(start, end - timedelta(days=1), "yMMMd", locale=self.locale))

    def country(self, code: str) -> str:
        """Write a country's name; "" for an unknown code."""
        return str(self.locale.territories.get(code, ""))

    def names_of_country(self, code: str) -> set[str]:
        """Return its names in every language of ours: an address is written in any of them."""
        return {name for language in _LOCALES.values() if (name := Locale.parse(language).territories.get(code))}

    def cell(self, value: Cell) -> str:
        """Write one cell of an annex: money without its symbol, nothing as a dash."""
        if isinstance(value, str | Word):
            return self.text(value)
        if isinstance(value, Money):
            return self.number(value.major, least=exponent(value.currency))
        if isinstance(value, Rate):
            price = self.number(value.unit_price, least=exponent(self.currency))
            return price if value.package_size == 1 else f"{price} / {self.number(value.package_size)}"
        return self.number(value) if value else "\u2013"

    def text(self, text: Text) -> str:
        """Write a word of the table in this language, plain text as it stands."""
        if not isinstance(text, Word):
            return text
        return self(text.key, **{name: self.tile(value) for name, value in text.parts.items()})

    def tile(self, value: Cell) -> str:
        """Write one figure that stands alone: money with its currency, zero as zero."""
        if isinstance(value, Money):
            return value.format(self.language).translate(_PRINTED)
        return self.number(value) if isinstance(value, Decimal | int) else self.cell(value)

    def _written(self, shape: str, value: Decimal, least: int) -> str:
        with localcontext(ANY_SIZE):
            return str(_pattern(shape, least).apply(value, self.locale)).translate(_PRINTED)


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(_LOCALES[language])


@cache
def _pattern(shape: str, least: int) -> NumberPattern:
    pattern = parse_pattern(shape)
    pattern.frac_prec = (least, FINEST)
    return pattern


@cache
def _frame(language: str, currency: str) -> str:
    """Write nothing in a currency: where its sign stands."""
    return Money.zero(currency).format(language)
