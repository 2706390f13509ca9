"""Owns the reading of Stripe's JSON: typed, version-tolerant, and exact about the path where something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from billing_site.kit.currencies import exponent, from_stripe, is_known, stripe_exponent
from billing_site.kit.money import TooPrecise

_BIGGEST: Final = 2**63 - 1
_LAST_SECOND: Final = 253_402_300_799  # 9999-12-31T23:59:59Z


class MalformedStripeObject(ValueError):
    """An object of Stripe lacks what the books need; the sentence names the path."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"Stripe's {path} {problem}.")
        self.path = path


@dataclass(frozen=True, slots=True)
class Shape:
    """One JSON object of Stripe with the path that leads to it. Absent and null read the same."""

    fields: Mapping[str, object]
    path: str

    @classmethod
    def of(cls, value: object, path: str) -> Shape:
        """Wrap a JSON object; anything else is malformed."""
        if not isinstance(value, Mapping):
            raise MalformedStripeObject(path, f"should be an object, not {_described(value)}")
        return cls(value, path)

    def says(self, key: str) -> bool:
        """Tell whether the object has a value here that is not null."""
        return self.fields.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """Return text that PostgreSQL can store; without a default it must be there."""
        value = self.fields.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and not value):
            raise self.wrong(key, f"should be text, not {_described(value)}")
        if not _storable(value):
            raise self.wrong(key, "holds characters that cannot be stored (NUL or half a surrogate pair)")
        return value

    def whole(self, key: str, default: int | None = None) -> int:
        """Return a whole number that fits 64 bits; without a default it must be there."""
        value = self.fields.get(key)
        if value is None and default is not None:
            return default
        if type(value) is not int or abs(value) > _BIGGEST:
            raise self.wrong(key, f"should be a whole number, not {_described(value)}")
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean; absent is False."""
        value = self.fields.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, f"should be true or false, not {_described(value)}")
        return bool(value)

    def number(self, key: str) -> Decimal | None:
        """Return an exact number from a JSON number or Stripe's decimal text."""
        value = self.fields.get(key)
        if value is None:
            return None
        try:
            # str() of a JSON number is the shortest text that means it: 25.5 stays 25.5.
            number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise self.wrong(key, f"should be a number, not {_described(value)}")
        return number

    def at(self, key: str) -> datetime | None:
        """Return an instant in UTC from Unix seconds."""
        if not self.says(key):
            return None
        seconds = self.whole(key)
        if not 0 <= seconds <= _LAST_SECOND:
            raise self.wrong(key, f"should be a time in Unix seconds, not {seconds}")
        return datetime.fromtimestamp(seconds, tz=UTC)

    def instant(self, key: str) -> datetime:
        """Return an instant that must be there."""
        found = self.at(key)
        if found is None:
            raise self.wrong(key, "should be a time in Unix seconds, not null")
        return found

    def currency(self, key: str = "currency", default: str | None = None) -> str:
        """Return the ISO code in capitals; an unknown one is malformed."""
        code = self.text(key, default).upper()
        if code and not is_known(code):
            raise self.wrong(key, f"is {code!r}, which is no ISO 4217 currency")
        return code

    def cents(self, key: str, currency: str, default: int | None = None) -> int:
        """Return an amount in our minor units of `currency`; without a default (in ours) it must be there."""
        if default is not None and not self.says(key):
            return default
        amount = self.whole(key)
        if amount == 0:
            return 0
        if not currency:
            raise self.wrong(key, "is an amount without a currency")
        try:
            return from_stripe(amount, currency).cents
        except TooPrecise as error:
            raise self.wrong(key, f"is too precise: {error}".rstrip(".")) from error

    def cents_if_said(self, key: str, currency: str) -> int | None:
        """Return an amount in our minor units, or None when the object does not say."""
        return self.cents(key, currency) if self.says(key) else None

    def ref(self, *keys: str) -> str:
        """Follow keys to an id, given plain or inside the expanded object; "" when absent."""
        parent = self.child(*keys[:-1]) if len(keys) > 1 else self
        if parent is None or not parent.says(keys[-1]):
            return ""
        value = parent.fields[keys[-1]]
        return parent.text(keys[-1]) if isinstance(value, str) else Shape.of(value, parent.path_of(keys[-1])).text("id")

    def child(self, *keys: str) -> Shape | None:
        """Follow keys to a nested object; None when absent or only an id."""
        here = self
        for key in keys:
            value = here.fields.get(key)
            if value is None or isinstance(value, str):
                return None
            here = Shape.of(value, here.path_of(key))
        return here

    def children(self, key: str) -> tuple[Shape, ...]:
        """Return the objects of a list, plain or in Stripe's list envelope; bare ids are left out."""
        path, values = self._listed(key)
        return tuple(
            Shape.of(value, f"{path}[{index}]") for index, value in enumerate(values) if not isinstance(value, str)
        )

    def bare_ids(self, key: str) -> tuple[str, ...]:
        """Return the ids of a list that came unexpanded."""
        return tuple(value for value in self._listed(key)[1] if isinstance(value, str))

    def has_more(self, key: str) -> bool:
        """Tell whether a list is longer than what was sent."""
        envelope = self.fields.get(key)
        return isinstance(envelope, Mapping) and envelope.get("has_more") is True

    def path_of(self, key: str) -> str:
        """Return the path of a field, as people write it."""
        return f"{self.path}.{key}"

    def wrong(self, key: str, problem: str) -> MalformedStripeObject:
        """Make the error that names this field."""
        return MalformedStripeObject(self.path_of(key), problem)

    def _listed(self, key: str) -> tuple[str, list[object]]:
        value, path = self.fields.get(key), self.path_of(key)
        if isinstance(value, Mapping):
            value, path = value.get("data"), f"{path}.data"
        if value is None:
            return path, []
        if not isinstance(value, list):
            raise MalformedStripeObject(path, f"should be a list, not {_described(value)}")
        return path, value


def metadata_of(shape: Shape) -> dict[str, str]:
    """Return Stripe's metadata as text by key."""
    notes = shape.child("metadata")
    return {key: notes.text(key, "") for key in notes.fields} if notes else {}


def tax_cents(shape: Shape, currency: str, *keys: str, inclusive_only: bool = False) -> int:
    """Add the taxes under the first of `keys` that the API version has."""
    key = next((key for key in keys if shape.says(key)), None)
    if key is None:
        return 0
    taxes = (tax for tax in shape.children(key) if _is_inclusive(tax) or not inclusive_only)
    return sum(tax.cents("amount", currency) for tax in taxes)


def tax_percent_of(line: Shape) -> Decimal | None:
    """Return the percent of tax that a line's rates add up to; None where no rate is told, as on newer invoices."""
    rates = line.children("tax_rates") or tuple(
        filter(None, (tax.child("tax_rate") for tax in line.children("tax_amounts")))
    )
    percents = [rate.number("percentage") for rate in rates]
    return sum((percent for percent in percents if percent is not None), Decimal(0)) if rates else None


def discount_cents(shape: Shape, currency: str, key: str) -> int:
    """Add the discount amounts listed under `key`."""
    return sum(part.cents("amount", currency) for part in shape.children(key))


@dataclass(frozen=True, slots=True)
class LinePrice:
    """What a line was priced by."""

    price_id: str
    product_id: str


def subscription_of_invoice(invoice: Shape) -> str:
    """Return the subscription's id: under `parent` since basil, on the invoice itself before."""
    return invoice.ref("parent", "subscription_details", "subscription") or invoice.ref("subscription")


def line_parent(line: Shape) -> Shape:
    """Return the object that tells what a line came from: under `parent` since basil, the line itself before."""
    details = line.child("parent", "subscription_item_details") or line.child("parent", "invoice_item_details")
    return details or line


def line_price(line: Shape) -> LinePrice:
    """Return price and product: under `pricing` since basil, `price` before, `plan` on the oldest versions."""
    details = line.child("pricing", "price_details")
    if details:
        return LinePrice(details.ref("price"), details.ref("product"))
    price = line.child("price") or line.child("plan")
    return LinePrice(price.text("id"), price.ref("product")) if price else LinePrice("", "")


def unit_price_of_line(line: Shape, currency: str) -> Decimal | None:
    """Return the price of one unit in major units, or None where it is tiered or not told."""
    pricing = line.child("pricing")
    price = pricing or line.child("price") or line.child("plan")
    keys = ("unit_amount_decimal", "unit_amount", "amount_decimal", "amount")
    amount = next((price.number(key) for key in keys if price.says(key)), None) if price else None
    return None if amount is None else in_major(amount, currency)


def quantity_of(line: Shape) -> Decimal:
    """Return how many, with the decimals that newer versions allow; a line without a count is one."""
    quantity = line.number("quantity_decimal")
    return quantity if quantity is not None else Decimal(line.whole("quantity", 1))


def discounts_of(shape: Shape) -> tuple[tuple[Shape, Shape | None], ...]:
    """Return the discounts with their coupons where told: under `source` since clover, on the discount before."""
    return tuple((discount, _coupon(discount)) for discount in _discounts(shape))


def coupons_unexpanded(shape: Shape) -> bool:
    """Tell whether a discount or its coupon came as a bare id."""
    return bool(shape.bare_ids("discounts")) or any(_coupon(discount) is None for discount in _discounts(shape))


def in_minor(stripe_amount: Decimal, currency: str) -> Decimal:
    """Return a price of Stripe's in our minor units, keeping its places."""
    return stripe_amount.scaleb(exponent(currency) - stripe_exponent(currency))


def in_major(stripe_amount: Decimal, currency: str) -> Decimal:
    """Return a price of Stripe's in major units, keeping its places."""
    return stripe_amount.scaleb(-stripe_exponent(currency))


def _discounts(shape: Shape) -> tuple[Shape, ...]:
    several = tuple(one for one in shape.children("discounts") if not one.flag("deleted"))
    single = shape.child("discount")
    # Versions that have both repeat the one in the list.
    return several or ((single,) if single and not shape.bare_ids("discounts") else ())


def _coupon(discount: Shape) -> Shape | None:
    return discount.child("source", "coupon") or discount.child("coupon")


def _is_inclusive(tax: Shape) -> bool:
    return tax.flag("inclusive") or tax.text("tax_behavior", "") == "inclusive"


def _storable(value: str) -> bool:
    return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _described(value: object) -> str:
    if value is None:
        return "null"
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."  # noqa: PLR2004
