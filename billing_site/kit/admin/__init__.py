"""The admin's building blocks on django-unfold: pages, columns, totals, saved views, confirmed actions.

Owns: how lists and forms look and behave. Does not own: which models are shown; each app composes its own pages.
May import: the kit only.
"""

from __future__ import annotations

from billing_site.kit.admin.asking import QuestionForm, ShownOnce, asking, button, row_or_404
from billing_site.kit.admin.bases import (
    BackOfficeAdmin,
    MoneyStackedInline,
    MoneyTabularInline,
    ReadOnlyAdmin,
    ReadOnlyInline,
)
from billing_site.kit.admin.columns import (
    badge,
    badge_column,
    link_column,
    link_to,
    money_cell,
    money_column,
    stripe_link,
)
from billing_site.kit.admin.confirmed import confirmed
from billing_site.kit.admin.filters import DateRange
from billing_site.kit.admin.money_forms import MoneyForm, MoneyFormField, MoneyFormSet, MoneyWidget
from billing_site.kit.admin.panels import Panel, list_url, may_see
from billing_site.kit.admin.refusals import ServiceErrorsMixin
from billing_site.kit.admin.row_page import RowPageMixin
from billing_site.kit.admin.saved_views import View
from billing_site.kit.admin.totals import TotalsMixin

__all__ = [
    "BackOfficeAdmin",
    "DateRange",
    "MoneyForm",
    "MoneyFormField",
    "MoneyFormSet",
    "MoneyStackedInline",
    "MoneyTabularInline",
    "MoneyWidget",
    "Panel",
    "QuestionForm",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "RowPageMixin",
    "ServiceErrorsMixin",
    "ShownOnce",
    "TotalsMixin",
    "View",
    "asking",
    "badge",
    "badge_column",
    "button",
    "confirmed",
    "link_column",
    "link_to",
    "list_url",
    "may_see",
    "money_cell",
    "money_column",
    "row_or_404",
    "stripe_link",
]
