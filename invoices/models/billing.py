"""The request for money and its rows."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from billing_site.kit.audit import audited
from billing_site.kit.fields import CentsField, CurrencyField, RateField, is_currency, one_of
from billing_site.kit.money import Money, plain
from invoices.enums import UNTAXED, InvoiceStatus, Language, LineKind, Origin, Rounding, TaxCategory
from invoices.models.parties import Customer, Seller
from invoices.querysets import InvoiceQuerySet

TAX_FITS = "A line taxed at a rate needs one above zero; every other category has none."
ONE_DISCOUNT = "Give a discount as an amount or as a percentage up to 100, not both."
PERIOD_IN_ORDER = "Write both days of a line's period, the last not before the first, or none."
BOTH_DAYS = "Write both days of the period, the last not before the first, or none."


@audited
class Invoice(models.Model):
    """A request for money: `native` ones are ours, `stripe` ones are copied and never recomputed."""

    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.NATIVE)
    seller = models.ForeignKey(  # found by `invoice_number_once_per_seller`
        Seller, on_delete=models.PROTECT, null=True, blank=True, related_name="invoices", db_index=False
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices", db_index=False)
    user_id = models.CharField(max_length=120, blank=True, help_text="The product's own id of the user.")
    api_key_prefix = models.CharField(max_length=20, blank=True)
    invoice_number = models.CharField(max_length=80, null=True, blank=True, editable=False)
    stripe_invoice_id = models.CharField(max_length=255, null=True, blank=True, editable=False)
    status = models.CharField(max_length=20, choices=InvoiceStatus.choices, default=InvoiceStatus.DRAFT)
    currency = CurrencyField()
    subtotal_cents = CentsField(default=0)
    discount_cents = CentsField(default=0)
    tax_cents = CentsField(default=0)
    total_cents = CentsField(default=0)
    amount_paid_cents = CentsField(default=0)
    credited_cents = CentsField(default=0, help_text="Taken off the amount due by credit notes.")
    written_off_cents = CentsField(default=0)
    amount_due_cents = CentsField(default=0)
    rounding = models.CharField(max_length=10, choices=Rounding.choices, default=Rounding.DOCUMENT)
    tax_inclusive = models.BooleanField(default=False)
    document_discount_cents = CentsField(
        default=0, help_text="As agreed, in the language of the prices; spread over the lines."
    )
    document_discount_rate = models.DecimalField(
        max_digits=7,
        decimal_places=6,
        default=Decimal(0),
        help_text="Instead of an amount; a fraction: 0.1 is 10 % off.",
    )
    tax_note = models.CharField(
        max_length=300, blank=True, help_text="Why no tax is charged, as printed; an exemption must name its law."
    )
    billing_period_start = models.DateField(null=True, blank=True)
    billing_period_end = models.DateField(
        null=True, blank=True, help_text="Exclusive: the first day that is not billed."
    )
    issue_date = models.DateField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    issued_at = models.DateTimeField(null=True, blank=True, editable=False)
    paid_at = models.DateTimeField(null=True, blank=True, editable=False)
    voided_at = models.DateTimeField(null=True, blank=True, editable=False)
    payment_terms_days = models.PositiveSmallIntegerField(default=30)
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.ENGLISH)
    bill_to = models.JSONField(
        default=dict, blank=True, editable=False, help_text="Copied from the customer when issued."
    )
    sold_by = models.JSONField(
        default=dict, blank=True, editable=False, help_text="Copied from the seller when issued."
    )
    purchase_order = models.CharField(max_length=80, blank=True)
    contract_reference = models.CharField(max_length=80, blank=True)
    invoice_pdf_url = models.TextField(blank=True, editable=False)
    notes = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        db_table = "invoices"
        permissions = [
            ("issue_invoice", "Can issue invoices"),
            ("void_invoice", "Can void invoices"),
            ("write_off_invoice", "Can write invoices off"),
            ("send_invoice", "Can send invoices and credit notes"),
        ]
        constraints = [
            models.CheckConstraint(condition=one_of("origin", Origin), name="invoice_origin_known"),
            models.CheckConstraint(condition=one_of("status", InvoiceStatus), name="invoice_status_known"),
            models.CheckConstraint(condition=one_of("rounding", Rounding), name="invoice_rounding_known"),
            models.CheckConstraint(condition=is_currency(), name="invoice_currency_is_iso"),
            models.CheckConstraint(
                condition=Q(origin=Origin.STRIPE)
                | Q(total_cents=F("subtotal_cents") - F("discount_cents") + F("tax_cents")),
                name="invoice_total_is_subtotal_less_discount_plus_tax",
            ),
            models.CheckConstraint(
                condition=Q(origin=Origin.STRIPE)
                | Q(status=InvoiceStatus.VOID, amount_due_cents=0)
                | Q(
                    amount_due_cents=F("total_cents")
                    - F("amount_paid_cents")
                    - F("credited_cents")
                    - F("written_off_cents")
                ),
                name="invoice_due_is_total_less_settled",
            ),
            models.CheckConstraint(
                condition=Q(origin=Origin.STRIPE)
                | Q(
                    amount_due_cents__gte=0,
                    total_cents__gte=0,
                    amount_paid_cents__gte=0,
                    credited_cents__gte=0,
                    written_off_cents__gte=0,
                ),
                name="invoice_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=~Q(origin=Origin.NATIVE, status=InvoiceStatus.PAID) | Q(amount_due_cents=0),
                name="paid_invoice_owes_nothing",
            ),
            models.CheckConstraint(
                condition=Q(origin=Origin.STRIPE)
                | Q(status=InvoiceStatus.DRAFT, invoice_number=None, issue_date=None)
                | Q(
                    ~Q(status=InvoiceStatus.DRAFT),
                    invoice_number__isnull=False,
                    issue_date__isnull=False,
                    due_date__isnull=False,
                    seller__isnull=False,
                ),
                name="issued_invoice_has_number_dates_and_seller",
            ),
            models.CheckConstraint(
                condition=Q(document_discount_rate=0)
                | Q(document_discount_rate__gt=0, document_discount_rate__lte=1, document_discount_cents=0),
                name="invoice_discount_is_amount_or_rate",
                violation_error_message=ONE_DISCOUNT,
            ),
            models.CheckConstraint(  # both days are asked for by name: a CHECK lets pass what compares with NULL
                condition=Q(billing_period_start=None, billing_period_end=None)
                | Q(
                    billing_period_end__gte=F("billing_period_start"),
                    billing_period_start__isnull=False,
                    billing_period_end__isnull=False,
                ),
                name="invoice_period_in_order",
                violation_error_message=BOTH_DAYS,
            ),
            models.CheckConstraint(
                condition=Q(origin=Origin.NATIVE, stripe_invoice_id=None)
                | Q(origin=Origin.STRIPE, stripe_invoice_id__isnull=False),
                name="stripe_invoice_has_its_id",
            ),
            models.UniqueConstraint(  # without a row for each of our own, which have none
                fields=["stripe_invoice_id"],
                condition=Q(stripe_invoice_id__isnull=False),
                name="stripe_invoice_copied_once",
            ),
            models.UniqueConstraint(
                fields=["seller", "invoice_number"],
                condition=Q(origin=Origin.NATIVE),
                name="invoice_number_once_per_seller",
                violation_error_message="Another invoice has this number; change the seller's number pattern.",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "due_date"], name="invoice_status_due"),
            models.Index(fields=["customer", "-issue_date"], name="invoice_of_customer"),
            models.Index(fields=["-issue_date", "-id"], name="invoice_newest_first"),
            models.Index(fields=["invoice_number"], name="invoice_number_lookup"),
        ]

    def __str__(self) -> str:
        """Name what exists: one that was never written is the invoice of its contract, whatever key it was given."""
        if self.invoice_number:
            return self.invoice_number
        is_of_contract = self._state.adding and self.contract_reference
        return f"The invoice of {self.contract_reference}" if is_of_contract else f"Draft {self.pk}"

    @property
    def total(self) -> Money:
        return Money(self.total_cents, self.currency)

    @property
    def amount_due(self) -> Money:
        return Money(self.amount_due_cents, self.currency)

    @property
    def line_items(self) -> list[dict[str, Any]]:
        """The lines as the API and exports show them."""
        return [line.as_item() for line in self.lines.all()]


@audited
class InvoiceLine(models.Model):
    """One row of an invoice; `amount_cents` is rounded once, before discount and tax."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines", db_index=False)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=LineKind.choices, default=LineKind.ITEM)
    description = models.CharField(max_length=500)
    detail = models.TextField(blank=True, help_text="How the amount came about.")
    meter = models.CharField(max_length=60, blank=True)
    quantity = models.DecimalField(max_digits=24, decimal_places=6, default=1)
    unit_label = models.CharField(max_length=30, blank=True)
    unit_price = RateField(default=0, help_text="Major units of the invoice's currency.")
    package_size = models.PositiveIntegerField(default=1)
    service_period_start = models.DateField(null=True, blank=True)
    service_period_end = models.DateField(null=True, blank=True, help_text="Exclusive.")
    tax_rate = models.DecimalField(max_digits=7, decimal_places=6, default=0, help_text="A fraction: 0.19 is 19 %.")
    discount_given_cents = CentsField(default=0, help_text="As agreed for this line, in the language of the price.")
    discount_rate = models.DecimalField(
        max_digits=7,
        decimal_places=6,
        default=Decimal(0),
        help_text="Instead of an amount; a fraction: 0.1 is 10 % off.",
    )
    tax_category = models.CharField(
        max_length=2,
        choices=TaxCategory.choices,
        blank=True,
        help_text="Without one the rate says it: taxed above zero, zero rated at zero.",
    )
    discount_cents = CentsField(
        default=0, editable=False, help_text="With its share of the document's discount, without tax."
    )
    tax_cents = CentsField(default=0, editable=False)
    amount_cents = CentsField(default=0, editable=False)
    stripe_line_id = models.CharField(max_length=255, blank=True, editable=False)
    metadata = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        db_table = "invoice_lines"
        ordering = ["invoice_id", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "position"],
                name="line_position_once_per_invoice",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(condition=one_of("kind", LineKind), name="line_kind_known"),
            models.CheckConstraint(condition=Q(package_size__gt=0), name="line_package_not_empty"),
            models.CheckConstraint(condition=Q(tax_rate__gte=0, tax_rate__lt=1), name="line_tax_rate_is_fraction"),
            models.CheckConstraint(
                condition=Q(discount_rate=0) | Q(discount_rate__gt=0, discount_rate__lte=1, discount_given_cents=0),
                name="line_discount_is_amount_or_rate",
                violation_error_message=ONE_DISCOUNT,
            ),
            models.CheckConstraint(
                condition=Q(tax_category="") | one_of("tax_category", TaxCategory), name="line_tax_category_known"
            ),
            models.CheckConstraint(
                condition=~Q(tax_category=TaxCategory.STANDARD, tax_rate=0)
                & ~Q(tax_category__in=UNTAXED, tax_rate__gt=0),
                name="line_tax_fits_its_category",
                violation_error_message=TAX_FITS,
            ),
            models.CheckConstraint(  # both by name, as above
                condition=Q(service_period_start=None, service_period_end=None)
                | Q(
                    Q(service_period_end__gt=F("service_period_start"))
                    | Q(~Q(stripe_line_id=""), service_period_end=F("service_period_start")),  # a moment, as Stripe has
                    service_period_start__isnull=False,
                    service_period_end__isnull=False,
                ),
                name="line_period_in_order",
                violation_error_message=PERIOD_IN_ORDER,
            ),
        ]

    def __str__(self) -> str:
        return self.description

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Check what the fields of a form do not; Django would ask PostgreSQL six times a line, at every key."""
        is_read = not {"tax_rate", "tax_category"} & set(exclude or ())
        is_taxed, wants_tax = bool(self.tax_rate), self.tax_category == TaxCategory.STANDARD
        if is_read and is_taxed != wants_tax and (wants_tax or self.tax_category in UNTAXED):
            raise ValidationError(TAX_FITS, code="line_tax_fits_its_category")

    def as_item(self) -> dict[str, Any]:
        """This line as `line_items` shows it; decimals as text, so that nothing is lost on the way."""
        return {
            "id": self.pk,
            "kind": self.kind,
            "description": self.description,
            "detail": self.detail,
            "meter": self.meter,
            "quantity": plain(self.quantity),
            "unit_price": plain(self.unit_price),
            "package_size": self.package_size,
            "service_period_start": self.service_period_start and self.service_period_start.isoformat(),
            "service_period_end": self.service_period_end and self.service_period_end.isoformat(),
            "tax_rate": plain(self.tax_rate),
            "tax_category": self.tax_category,
            "discount_rate": plain(self.discount_rate),
            "discount_cents": self.discount_cents,
            "tax_cents": self.tax_cents,
            "amount_cents": self.amount_cents,
        }
