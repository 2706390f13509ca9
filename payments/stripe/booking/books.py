"""Owns what every booking leans on: writing only what is new, fitting columns, and customers not yet heard of."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import QuerySet

from billing_site.kit.copying import copy_into, copy_row, copy_rows
from invoices.models import Customer, Invoice
from invoices.services import add_stripe_customer
from payments.models import Payment
from payments.stripe.booking.settling import settle
from payments.stripe.facts import Facts

Row = TypeVar("Row", bound=models.Model)


class NotYetKnown(Exception):
    """Something these facts hang on has not arrived; try again later."""


@dataclass(slots=True)
class Books:
    """Counts the rows that one booking changed, by table, and settles at its end the payments it touched.

    `customers` are the primary keys of those known, by Stripe's id; `invoices` those that were booked just now.
    """

    customers: dict[str, int] = field(default_factory=dict)
    changed: Counter[str] = field(default_factory=Counter)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    _unsettled: list[QuerySet[Payment]] = field(default_factory=list)
    _told: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def copy(self, model: type[Row], *, key: Mapping[str, Any], fields: Mapping[str, Any]) -> Row:
        """Make the row of `key` say `fields`."""
        return self.counted(copy_row(model, key=key, fields=fitted(model, fields)))

    def copy_into(self, row: Row, fields: Mapping[str, Any]) -> Row:
        """Make a row that was just read say `fields`."""
        return self.counted((row, copy_into(row, fitted(type(row), fields))))

    def copy_all(self, model: type[models.Model], *, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Make the rows of each `key` say this, all in one statement; all name the same columns."""
        written = copy_rows(model, key=key, rows=[fitted(model, row) for row in rows])
        self.count(model, written)

    def settle_later(self, payments: QuerySet[Payment], told: Mapping[int, Mapping[str, Any]] | None = None) -> None:
        """Have payments settled when all is booked, with what was told of them by primary key."""
        self._unsettled.append(payments)
        self._told.update(told or {})

    def settle(self) -> None:
        """Complete every payment that was touched."""
        self.changed += settle(self._unsettled, self._told)

    def count(self, model: type[models.Model], rows: int) -> None:
        """Count rows that were written."""
        self.changed += Counter({model._meta.db_table: rows})  # noqa: SLF001 - Django's documented Options

    def counted(self, written: tuple[Row, bool]) -> Row:
        """Count a row that was written, and return it."""
        row, is_changed = written
        self.count(type(row), int(is_changed))
        return row

    def customer_of(self, stripe_customer_id: str, *, name: str = "", email: str = "") -> Customer:
        """Return the customer; one not heard of yet gets a row that its own event fills later."""
        return Customer.objects.get(pk=self.customer_id_of(stripe_customer_id, name=name, email=email))

    def customer_id_of(self, stripe_customer_id: str, *, name: str = "", email: str = "") -> int:
        """Return the same one's primary key, without asking for the row."""
        if stripe_customer_id not in self.customers:
            known = {"name": name or email or stripe_customer_id, "email": email}
            added = add_stripe_customer(stripe_customer_id=stripe_customer_id, **fitted(Customer, known))
            self.customers[stripe_customer_id] = self.counted((added, True)).pk
        return self.customers[stripe_customer_id]


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
