"""Columns of lists and read-only fields of forms: money, badges, links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.admin.utils import quote
from django.db import models
from django.db.models import F
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing_site.kit.money import Money
from billing_site.kit.paths import currency_at, value_at

Column = Callable[..., Any]
EMPTY = "\N{EN DASH}"
_LABEL = "inline-block font-semibold rounded-default text-[11px] uppercase whitespace-nowrap h-6 leading-6 px-2 "
_TONES = {
    "info": "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    "danger": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    "warning": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "success": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
}
_STRIPE_PAGES = {
    "in": "invoices", "pi": "payments", "ch": "payments", "py": "payments", "cus": "customers", "sub": "subscriptions",
    "po": "payouts", "evt": "events", "dp": "disputes", "du": "disputes", "prod": "products", "price": "prices",
}  # fmt: skip


def money_column(field: str, label: str = "", *, currency: str = "currency", sortable: bool = True) -> Column:
    """Show `*_cents` of a row right-aligned with its currency; sorts by the number, empty ones last."""

    def column(*row: Any) -> SafeString:
        return money_cell(value_at(row[-1], field), currency_at(row[-1], currency))

    column.short_description = label or words_of(field)  # type: ignore[attr-defined]
    if sortable:
        column.admin_order_field = F(field).asc(nulls_last=True)  # type: ignore[attr-defined]
    return _named(column, f"money_{field}", related=_relation_of(field) | _relation_of(currency))


def money_cell(cents: int | None, currency: str | None) -> SafeString:
    """Format an amount for a table cell; an absent one is a dash, never a zero."""
    if cents is None or not currency:
        return format_html('<span class="money">{}</span>', EMPTY)
    money = Money(cents, currency)
    return format_html('<span class="money{}">{}</span>', " money-negative" if cents < 0 else "", money.format())


def badge_column(field: str, label: str = "", *, colors: Mapping[str, str]) -> Column:
    """Show a choice as a coloured label; colours are info, success, warning, danger, or none."""

    def column(*row: Any) -> SafeString:
        value = value_at(row[-1], field)
        shown = getattr(row[-1], f"get_{field}_display", lambda: str(value or "").replace("_", " "))()
        return badge(shown, colors.get(str(value), ""))

    column.short_description = label or words_of(field)  # type: ignore[attr-defined]
    column.admin_order_field = field  # type: ignore[attr-defined]
    return _named(column, f"badge_{field}")


def badge(text: Any, tone: str = "") -> SafeString:
    if text in (None, ""):
        return format_html("{}", EMPTY)
    return format_html('<span class="{}">{}</span>', _LABEL + _TONES[tone], text)


def link_column(field: str, label: str = "", *, text: str = "") -> Column:
    """Link to the admin page of a related row; `text` is the path of what is shown instead of its name."""

    def column(*row: Any) -> SafeString:
        related = value_at(row[-1], field)
        return link_to(related, value_at(related, text) if text and related else None)

    column.short_description = label or words_of(field)  # type: ignore[attr-defined]
    column.admin_order_field = f"{field}__{text}" if text else field  # type: ignore[attr-defined]
    return _named(column, f"link_{field}", related={field})


def link_to(row: models.Model | None, text: object = None) -> SafeString:
    """Link to the admin page of a row, or its bare name where it has none."""
    if row is None:
        return format_html("{}", EMPTY)
    options = row._meta  # noqa: SLF001
    try:
        url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[quote(row.pk)])
    except NoReverseMatch:
        return format_html("{}", text or row)
    return format_html('<a class="text-link" href="{}">{}</a>', url, text or row)


def stripe_link(field: str, label: str = "Stripe") -> Column:
    """Link an id such as `in_...` to its page in Stripe's dashboard."""

    def column(*row: Any) -> SafeString:
        stripe_id = value_at(row[-1], field)
        if not stripe_id:
            return format_html("{}", EMPTY)
        return format_html(
            '<a class="text-link font-mono text-xs" target="_blank" rel="noopener noreferrer" href="{}">{}</a>',
            stripe_url(str(stripe_id)),
            stripe_id,
        )

    column.short_description = label  # type: ignore[attr-defined]
    column.admin_order_field = field  # type: ignore[attr-defined]
    return _named(column, f"stripe_{field}")


def stripe_url(stripe_id: str) -> str:
    """Return the page of an object in Stripe's dashboard, or a search for it where its kind has no page."""
    page = _STRIPE_PAGES.get(stripe_id.partition("_")[0], "search?query=")
    mode = "" if settings.STRIPE_LIVE_MODE else "test/"
    return f"https://dashboard.stripe.com/{mode}{page}{'' if page.endswith('=') else '/'}{stripe_id}"


def words_of(field: str) -> str:
    """Name a column: `amount_due_cents` is Amount due."""
    return field.removesuffix("_cents").replace("__", " ").replace("_", " ").capitalize()


def _relation_of(path: str) -> set[str]:
    relation, _, _last = path.rpartition("__")
    return {relation} if relation else set()


def _named(column: Column, name: str, related: set[str] | None = None) -> Column:
    """Give a column the name its CSS class is made of, and tell the list which relations to join."""
    column.__name__ = name
    column.related = related or set()  # type: ignore[attr-defined]
    return column
