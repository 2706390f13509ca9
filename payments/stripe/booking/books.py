"""Owns what every booking leans on: writing only what is new, fitting columns, and customers not yet heard of."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models

from billing_site.kit.copying import copy_row
from invoices.models import Customer
from invoices.services import copy_stripe_customer
from payments.stripe.facts import Facts

Row = TypeVar("Row", bound=models.Model)


class NotYetKnown(Exception):
    """Something these facts hang on has not arrived; try again later."""


@dataclass(slots=True)
class Books:
    """Counts the rows that one booking changed, by table."""

    changed: Counter[str] = field(default_factory=Counter)

    def copy(self, model: type[Row], *, key: Mapping[str, Any], fields: Mapping[str, Any]) -> Row:
        """Make the row of `key` say `fields`."""
        return self.counted(copy_row(model, key=key, fields=fitted(model, fields)))

    def counted(self, written: tuple[Row, bool]) -> Row:
        """Count a row that was written, and return it."""
        row, is_changed = written
        if is_changed:
            self.changed[row._meta.db_table] += 1  # noqa: SLF001 - Django's documented Options
        return row

    def customer_of(self, stripe_customer_id: str, *, name: str = "", email: str = "") -> Customer:
        """Return the customer; one not heard of yet gets a row that its own event fills later."""
        found = Customer.objects.from_stripe(stripe_customer_id).first()
        if found is not None:
            return found
        known = {"name": name or email or stripe_customer_id, "email": email}
        return self.counted(copy_stripe_customer(stripe_customer_id=stripe_customer_id, **fitted(Customer, known)))


def fitted(model: type[models.Model], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Cut text to its column and round rates to its places, so that what is written compares equal when read back."""
    return {name: _fitted(model._meta.get_field(name), value) for name, value in fields.items()}  # noqa: SLF001


def _fitted(column: Any, value: Any) -> Any:
    if isinstance(value, str) and column.max_length:
        return value[: column.max_length]
    if isinstance(value, Decimal):
        return value.quantize(Decimal(1).scaleb(-column.decimal_places))
    return value


def day_of(instant: dt.datetime | None) -> dt.date | None:
    """Return the day of an instant in the company's time zone."""
    return instant.astimezone(ZoneInfo(str(settings.BILLING_TIME_ZONE))).date() if instant else None


def told_at(facts: Facts) -> dt.datetime:
    """Return when Stripe said it, for objects of old versions that do not tell when they were made."""
    return dt.datetime.fromtimestamp(facts.order.created, tz=dt.UTC)
