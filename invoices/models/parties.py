"""Who sells, who is billed, and the counters of the seller's numbers."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from billing_site.kit.audit import audited
from billing_site.kit.fields import CurrencyField, is_currency, one_of
from invoices import identities
from invoices.enums import DocumentKind, Language
from invoices.numbering import fault_of_pattern, fault_of_patterns
from invoices.querysets import CustomerQuerySet


@audited
class Seller(models.Model):
    """A legal entity that issues invoices."""

    name = models.CharField(max_length=120)
    legal_name = models.CharField(max_length=160)
    address = models.TextField(help_text="One line a row, as printed.")
    country = models.CharField(max_length=2, help_text="ISO 3166 code, such as DE.")
    email = models.EmailField()
    tax_id = models.CharField(max_length=40, blank=True)
    registration = models.CharField(
        max_length=160, blank=True, help_text="Register, court and directors, as the footer shows them."
    )
    bank_name = models.CharField(max_length=80, blank=True)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    bic = models.CharField("BIC", max_length=11, blank=True)
    bank_details = models.TextField(
        blank=True,
        help_text="What else a transfer needs, one label and value a row: Routing number: 021000021",
    )
    logo_svg = models.TextField(blank=True)
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.ENGLISH)
    payment_terms_days = models.PositiveSmallIntegerField(default=30)
    invoice_number_pattern = models.CharField(max_length=60, default="INV-{year}-{seq:06}")
    credit_note_number_pattern = models.CharField(max_length=60, default="CN-{year}-{seq:06}")
    is_default = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_seller")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def bank_rows(self) -> list[tuple[str, str]]:
        """The labels and values of `bank_details`."""
        rows = (line.partition(":") for line in self.bank_details.splitlines() if line.strip())
        return [(label.strip(), value.strip()) for label, _, value in rows]

    def clean(self) -> None:
        self.iban, self.bic = identities.compact(self.iban), identities.compact(self.bic)
        _refuse(
            tax_id=_fault_of_tax_id(self),
            iban=identities.fault_of_iban(self.iban) if self.iban else "",
            bic=identities.fault_of_bic(self.bic) if self.bic else "",
            bank_details=""
            if all(map(all, self.bank_rows))
            else "Write a label and a value a row: Sort code: 20-00-00",
            invoice_number_pattern=fault_of_pattern(self.invoice_number_pattern),
            credit_note_number_pattern=fault_of_pattern(self.credit_note_number_pattern)
            or fault_of_patterns(invoices=self.invoice_number_pattern, credit_notes=self.credit_note_number_pattern),
        )


@audited
class Customer(models.Model):
    """Who is billed."""

    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    bill_to_name = models.CharField(max_length=200, blank=True, help_text="The name on paper, where it differs.")
    address = models.TextField(blank=True, help_text="One line a row, as printed.")
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166 code, such as DE.")
    tax_id = models.CharField(max_length=40, blank=True)
    currency = CurrencyField(default="USD")
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.ENGLISH)
    time_zone = models.CharField(max_length=60, default="UTC")
    user_id = models.CharField(max_length=120, blank=True, help_text="The product's own id of the user.")
    stripe_customer_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    stripe_deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=is_currency(), name="customer_currency_is_iso")]
        indexes = [models.Index(fields=["user_id"], name="customer_user")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.stripe_customer_id = self.stripe_customer_id or None
        _refuse(tax_id=_fault_of_tax_id(self))


class NumberSeries(models.Model):
    """The counter of one seller, kind and year. Its row is locked by the transaction that takes a number: no gaps."""

    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="number_series", db_index=False)
    kind = models.CharField(max_length=20, choices=DocumentKind.choices)
    year = models.PositiveSmallIntegerField()
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "number series"
        constraints = [
            models.UniqueConstraint(fields=["seller", "kind", "year"], name="one_series_per_seller_kind_and_year"),
            models.CheckConstraint(condition=one_of("kind", DocumentKind), name="number_series_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.seller} · {self.get_kind_display()} · {self.year}"


def _fault_of_tax_id(party: Seller | Customer) -> str:
    return identities.fault_of_tax_id(party.tax_id, country=party.country) if party.tax_id else ""


def _refuse(**faults: str) -> None:
    """Say every fault beside its field."""
    found = {field: fault for field, fault in faults.items() if fault}
    if found:
        raise ValidationError(found)
