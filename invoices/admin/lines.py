"""Owns the lines of a draft as rows of its form, and what they come to while they are typed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest, JsonResponse
from unfold.widgets import INPUT_CLASSES, TEXTAREA_CLASSES, UnfoldAdminSelectWidget

from billing_site.kit.admin import MoneyTabularInline, money_cell
from billing_site.kit.admin.money_forms import MoneyWidget, RateFormField
from billing_site.kit.admin.percent import PercentField
from billing_site.kit.admin.words import span_text
from billing_site.kit.currencies import is_known
from billing_site.kit.money import Money
from invoices.admin.days import DayInput, LastDayField, refuse_disorder
from invoices.admin.discounts import DiscountForm
from invoices.enums import Rounding, TaxCategory
from invoices.models import Invoice, InvoiceLine
from invoices.services.drafting import CannotBeAsked, asked_totals

FOLDED = ("service_period_start", "service_period_end", "unit_label", "package_size", "detail")


class LineForm(DiscountForm):
    quantity = RateFormField(initial=1)
    tax_rate = PercentField(label="Tax", required=False)
    tax_category = forms.ChoiceField(
        label="Taxed as",
        choices=[("", "By its rate"), *TaxCategory.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    service_period_start = forms.DateField(label="First day", required=False, widget=DayInput)
    service_period_end = LastDayField(label="Last day", required=False, widget=DayInput)
    unit_label = forms.CharField(
        label="Unit",
        required=False,
        max_length=30,
        widget=forms.TextInput({"class": " ".join(INPUT_CLASSES), "placeholder": "such as months"}),
    )
    package_size = forms.IntegerField(
        label="Price is for",
        required=False,
        min_value=1,
        initial=1,
        widget=MoneyWidget,
        help_text="How many units the unit price buys: 1,000 for a price per thousand.",
        error_messages={
            "min_value": "A price buys one unit or more: write 1 or above.",
            "invalid": "Write a whole number such as 1000.",
        },
    )
    detail = forms.CharField(
        label="How the amount came about",
        required=False,
        widget=forms.Textarea({"class": " ".join(TEXTAREA_CLASSES), "rows": 1}),
    )

    class Meta:
        model = InvoiceLine
        fields = ("description", "quantity", "unit_price", "discount", "tax_rate", "tax_category", *FOLDED)

    @property
    def is_unfolded(self) -> bool:
        return any(name in self.errors for name in FOLDED)

    def clean_tax_rate(self) -> Any:
        return self.cleaned_data["tax_rate"] or 0

    def clean_package_size(self) -> int:
        return self.cleaned_data["package_size"] or 1

    def clean(self) -> Any:
        cleaned = super().clean()
        refuse_disorder(self, first="service_period_start", last="service_period_end")
        return cleaned


class LineInline(MoneyTabularInline):
    """The lines of a draft; amounts are worked out by the service when it is saved."""

    model = InvoiceLine
    form = LineForm
    fields = ("description", "quantity", "unit_price", "discount", "tax_rate", "tax_category", "amount", *FOLDED)
    readonly_fields = ("amount",)
    folded = FOLDED
    template = "admin/invoices/lines.html"
    tab = False
    hide_title = True
    verbose_name, verbose_name_plural = "line", "Lines"
    classes = ("draft-lines",)

    def get_extra(self, request: HttpRequest, obj: Any = None, **_: Any) -> int:  # noqa: ARG002
        return 0 if obj else 1

    def amount(self, line: InvoiceLine) -> Any:
        return money_cell(line.amount_cents if line.pk else None, line.invoice.currency if line.pk else "")


def write_lines(formset: Any) -> None:
    """Save the rows that were typed, the new ones after the last; the sums follow in the service."""
    lines = formset.save(commit=False)
    for gone in formset.deleted_objects:
        gone.delete()
    last = formset.instance.lines.order_by("-position").values_list("position", flat=True).first() or 0
    for line in lines:
        if line.pk is None:
            last += 1
            line.position = last
        line.save()
    formset.save_m2m()


def totals_while_typing(invoice: Invoice, form: forms.BaseForm, formset: Any) -> JsonResponse:
    """Answer what the rows typed so far come to, or why that cannot be; a row that cannot be read counts nothing."""
    currency = str(form["currency"].value() or "").strip().upper()
    if not is_known(currency):
        return JsonResponse({"sums": [], "lines": []})
    _take_terms(invoice, form, currency)
    changed = ((n, row) for n, row in enumerate(formset.forms) if row.has_changed() and row.is_valid())
    typed = [(n, row.instance) for n, row in changed if not row.cleaned_data.get("DELETE")]
    try:
        totals = asked_totals(invoice, [line for _n, line in typed])
    except CannotBeAsked as refusal:
        return JsonResponse({"refusal": str(refusal)})
    sums = [
        ("Subtotal", totals.subtotal_cents),
        *([("Discount", -totals.discount_cents)] if totals.discount_cents else []),
        ("Tax", totals.tax_cents),
        ("Total", totals.total_cents),
    ]
    return JsonResponse(
        {
            "sums": [[label, Money(cents, currency).format()] for label, cents in sums],
            "lines": [
                [n, Money(line.amount_cents, currency).format(), _said_when_folded(row)]
                for (n, row), line in zip(typed, totals.lines, strict=True)
            ],
        }
    )


def as_new_rows(posted: Any) -> Any:
    """Read the rows of a form as if all were new: what they come to does not depend on what is stored."""
    rows = posted.copy()
    rows["lines-INITIAL_FORMS"] = "0"
    for name in [name for name in rows if name.startswith("lines-") and name.endswith(("-id", "-invoice"))]:
        del rows[name]
    return rows


def _said_when_folded(line: InvoiceLine) -> str:
    """Tell what stands in the second row of a line, while it is folded away."""
    span = span_text(line.service_period_start, line.service_period_end) if line.service_period_start else ""
    price = f"per {line.package_size:,} {line.unit_label}".strip() if line.package_size > 1 else line.unit_label
    return " \N{MIDDLE DOT} ".join(text for text in (span, price, line.detail.partition("\n")[0].strip()) if text)


def _take_terms(invoice: Invoice, form: forms.BaseForm, currency: str) -> None:
    form.is_valid()
    read = getattr(form, "cleaned_data", {})
    invoice.currency = currency
    invoice.rounding = read.get("rounding") or Rounding.DOCUMENT
    invoice.tax_inclusive = bool(read.get("tax_inclusive"))
    invoice.document_discount_cents, invoice.document_discount_rate = read.get("discount") or (0, Decimal(0))
