"""What money and credits were placed on."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing_site.kit.audit import audited
from billing_site.kit.fields import CentsField, CurrencyField, is_currency, one_of
from billing_site.kit.money import Money
from invoices.models import Customer, Invoice
from payments.enums import CreditKind
from payments.models.movements import Payment
from payments.querysets import CreditQuerySet


@audited
class Credit(models.Model):
    """A balance a customer can use; the CHECK on what remains is what concurrent uses run into."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credits")
    kind = models.CharField(max_length=20, choices=CreditKind.choices)
    amount_cents = CentsField()
    remaining_cents = CentsField(editable=False)
    currency = CurrencyField()
    expires_at = models.DateField(null=True, blank=True, help_text="Last day it can be used.")
    reason = models.CharField(max_length=200)
    source = models.CharField(
        max_length=120, blank=True, help_text="What it came from, such as a credit note's number."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CreditQuerySet.as_manager()

    class Meta:
        db_table = "credits"
        constraints = [
            models.CheckConstraint(condition=one_of("kind", CreditKind), name="credit_kind_known"),
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="credit_positive"),
            models.CheckConstraint(
                condition=Q(remaining_cents__gte=0, remaining_cents__lte=F("amount_cents")),
                name="credit_never_overdrawn",
            ),
            models.CheckConstraint(condition=is_currency(), name="credit_currency_is_iso"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} credit of {Money(self.amount_cents, self.currency).format()}"


@audited
class Allocation(models.Model):
    """A payment or a credit placed on an invoice. Rows are added, never changed; undoing adds a row that `reverses`."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="allocations")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="allocations")
    credit = models.ForeignKey(Credit, on_delete=models.PROTECT, null=True, blank=True, related_name="allocations")
    amount_cents = CentsField(help_text="Negative on a row that reverses another.")
    currency = CurrencyField()
    allocated_at = models.DateTimeField()
    allocated_by = models.CharField(max_length=150)
    reverses = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversed_by")

    class Meta:
        db_table = "allocations"
        constraints = [
            models.CheckConstraint(
                condition=Q(payment__isnull=False, credit=None) | Q(payment=None, credit__isnull=False),
                name="allocation_has_one_source",
            ),
            models.CheckConstraint(
                condition=Q(reverses=None, amount_cents__gt=0) | Q(reverses__isnull=False, amount_cents__lt=0),
                name="allocation_sign_fits",
            ),
        ]
        indexes = [models.Index(fields=["allocated_at"], name="allocation_by_time")]

    def __str__(self) -> str:
        return f"{Money(self.amount_cents, self.currency).format()} placed on {self.allocated_at:%Y-%m-%d}"
